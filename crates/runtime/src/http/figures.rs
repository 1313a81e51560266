//! Figures of requests, found once and then used again: to look one up by its labels costs
//! more than all else that is done about it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::StatusCode;
use metrics::{Counter, Histogram, counter, histogram};

use crate::metrics as figures;

/// Those of one worker.
pub(super) struct Figures {
    /// By route. There are as many as there are routes, with few answers each.
    routes: RefCell<HashMap<String, Vec<Answers>>>,
}

/// All answers of one route with one status.
struct Answers {
    method: &'static str,
    status: StatusCode,
    number: Counter,
    duration: Histogram,
}

impl Figures {
    pub(super) fn new() -> Self {
        // What is found before there is a recorder counts nothing, for ever.
        figures::install();
        Self {
            routes: RefCell::default(),
        }
    }

    /// Counts an answer. Of what no route matched, all is one.
    pub(super) fn count(
        &self,
        method: &'static str,
        route: Option<String>,
        status: StatusCode,
        elapsed: Duration,
    ) {
        let route = route.unwrap_or_else(|| "unmatched".to_owned());
        let mut routes = self.routes.borrow_mut();
        let known = routes.get(&route).and_then(|all| {
            all.iter()
                .find(|it| it.method == method && it.status == status)
        });
        if let Some(answers) = known {
            answers.count(elapsed);
            return;
        }
        let answers = Answers::find(method, &route, status);
        answers.count(elapsed);
        routes.entry(route).or_default().push(answers);
    }
}

impl Answers {
    fn find(method: &'static str, route: &str, status: StatusCode) -> Self {
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.as_u16().to_string()),
        ];
        Self {
            method,
            status,
            number: counter!("nodebyte_http_requests_total", &labels),
            duration: histogram!("nodebyte_http_request_duration_seconds", &labels),
        }
    }

    fn count(&self, elapsed: Duration) {
        self.number.increment(1);
        self.duration.record(elapsed.as_secs_f64());
    }
}

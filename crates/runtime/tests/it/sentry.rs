use std::collections::BTreeMap;

use ::sentry::protocol::{Breadcrumb, Event, Request, Value};
use runtime::sentry::scrub;

fn request() -> Request {
    Request {
        url: Some(
            "https://api.example/stream?token=planted&page=2"
                .parse()
                .unwrap(),
        ),
        query_string: Some("api_key=planted&page=2".to_owned()),
        cookies: Some("session=planted".to_owned()),
        data: Some("{\"password\":\"planted\"}".to_owned()),
        headers: BTreeMap::from(
            [
                "Authorization",
                "X-API-Key",
                "x-api-key",
                "Cookie",
                "CF-Access-Client-Secret",
            ]
            .map(|name| (name.to_owned(), "planted".to_owned())),
        ),
        ..Request::default()
    }
}

#[test]
fn a_report_holds_no_credentials() {
    let mut event = Event {
        request: Some(request()),
        ..Event::default()
    };
    event
        .extra
        .insert("client_api_key".to_owned(), Value::from("planted"));
    let data = BTreeMap::from([("access_token".to_owned(), Value::from("planted"))]);
    event.breadcrumbs.values.push(Breadcrumb {
        data,
        ..Breadcrumb::default()
    });

    let text = serde_json::to_string(&scrub(event)).unwrap();
    assert!(!text.contains("planted"), "{text}");
}

#[test]
fn what_helps_to_find_the_fault_stays() {
    let mut event = Event {
        request: Some(request()),
        ..Event::default()
    };
    if let Some(request) = &mut event.request {
        request
            .headers
            .insert("User-Agent".to_owned(), "curl".to_owned());
    }
    event.extra.insert("run_id".to_owned(), Value::from("r1"));
    let scrubbed = scrub(event);
    let request = scrubbed.request.unwrap();
    assert_eq!(request.headers["User-Agent"], "curl");
    assert_eq!(
        request.query_string.as_deref(),
        Some("api_key=[redacted]&page=2")
    );
    assert_eq!(scrubbed.extra["run_id"], "r1");
}

#[test]
fn without_a_dsn_nothing_is_reported() {
    let variables = [("DATABASE_URL", "postgres://db/x")];
    let sources = runtime::config::Sources::of_variables(variables);
    let config = runtime::config::Config::load(&sources).unwrap();
    assert!(!runtime::sentry::start(&config, "test").is_on());
}

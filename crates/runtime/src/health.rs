//! Whether the process lives, whether it can work, and its figures.
//!
//! `/health/live` answers as long as the process does. `/health/ready` asks the
//! probes that the service handed in, and says 503 when one fails or the process
//! is stopping. `/health` says the same, and how others are, in the shape that
//! existing monitors read. `/metrics` is Prometheus' text. Why a probe failed
//! stands in the log only.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Map, Value, json};
use slog::{Logger, warn};
use tokio::runtime::Handle;

use crate::metrics;

/// How long a probe may take; longer is a failure.
const PATIENCE: Duration = Duration::from_secs(2);

/// A question whose answer decides whether the process can work, or only how the
/// installation is ([`Probe::of_others`]).
pub struct Probe {
    name: &'static str,
    of_others: bool,
    check: Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl Probe {
    /// A probe. `name` is shown; the two names `database` and `workers` also have
    /// their own place in `/health`. What `check` says when it fails is logged.
    pub fn new<F, R>(name: &'static str, check: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self {
            name,
            of_others: false,
            check: Box::new(move || check().boxed()),
        }
    }

    /// The probe asks after others, without whom this process can still work: it
    /// shows in `/health`, whose readers want to know of the whole, and does not
    /// make the process unready.
    #[must_use]
    pub fn of_others(self) -> Self {
        Self {
            of_others: true,
            ..self
        }
    }
}

/// A service's probes.
pub struct Health {
    service: &'static str,
    probes: Vec<Probe>,
    stopping: AtomicBool,
    log: Logger,
    home: Option<Handle>,
}

impl Health {
    /// Probes run on the runtime that this is called in: a connection that one of
    /// them opens must outlive the thread that serves the answer.
    #[must_use]
    pub fn new(service: &'static str, probes: Vec<Probe>, log: &Logger) -> Arc<Self> {
        Arc::new(Self {
            service,
            probes,
            stopping: AtomicBool::new(false),
            log: log.clone(),
            home: Handle::try_current().ok(),
        })
    }

    /// From now on the process is not ready, so that no new work is sent to it
    /// while it ends what is in hand.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Each probe's name and whether it passed, in the order handed in.
    async fn ask(&self, probes: impl Iterator<Item = &Probe>) -> Vec<(&'static str, bool)> {
        join_all(probes.map(|probe| self.ask_one(probe))).await
    }

    async fn ask_one(&self, probe: &Probe) -> (&'static str, bool) {
        let check = tokio::time::timeout(PATIENCE, (probe.check)());
        let answer = match &self.home {
            Some(home) => match home.spawn(check).await {
                Ok(answer) => answer,
                Err(failed) => Ok(Err(failed.to_string())),
            },
            None => check.await,
        };
        let reason = match answer {
            Ok(Ok(())) => return (probe.name, true),
            Ok(Err(reason)) => reason,
            Err(_elapsed) => format!("no answer within {} s", PATIENCE.as_secs()),
        };
        warn!(self.log, "a probe failed"; "probe" => probe.name, "reason" => reason);
        (probe.name, false)
    }

    async fn ready(&self) -> HttpResponse {
        let own = self.probes.iter().filter(|probe| !probe.of_others);
        let asked = self.ask(own).await;
        let stopping = self.stopping.load(Ordering::Relaxed);
        let ready = !stopping && asked.iter().all(|&(_, passed)| passed);
        let status = match (stopping, ready) {
            (true, _) => "stopping",
            (false, true) => "ready",
            (false, false) => "unready",
        };
        answer(
            ready,
            &json!({ "status": status, "checks": checks(&asked) }),
        )
    }

    async fn summary(&self) -> HttpResponse {
        let asked = self.ask(self.probes.iter()).await;
        let passed = |name| {
            asked
                .iter()
                .find(|probe| probe.0 == name)
                .map(|probe| probe.1)
        };
        let healthy = asked.iter().all(|&(_, passed)| passed);
        let database = match passed("database") {
            Some(false) => {
                json!({ "status": "disconnected", "error": "the database does not answer" })
            }
            _ => json!({ "status": "connected" }),
        };
        // Without a probe of that name the service does its work itself.
        let workers = if passed("workers") == Some(false) {
            "unavailable"
        } else {
            "running"
        };
        let mut checks = checks(&asked);
        checks.insert("api".to_owned(), json!("ok"));
        checks.entry("workers").or_insert(json!("ok"));
        let body = json!({
            "status": if healthy { "healthy" } else { "unhealthy" },
            "service": self.service,
            "version": env!("CARGO_PKG_VERSION"),
            "timestamp": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            "database": database,
            "workers": { "status": workers },
            "checks": checks,
        });
        answer(healthy, &body)
    }
}

/// Mounts the four addresses.
pub fn configure(app: &mut ServiceConfig, health: &Arc<Health>) {
    let (ready, summary) = (Arc::clone(health), Arc::clone(health));
    app.service(
        web::resource("/health/live").get(|| async { answer(true, &json!({ "status": "live" })) }),
    )
    .service(web::resource("/health/ready").get(move || {
        let health = Arc::clone(&ready);
        async move { health.ready().await }
    }))
    .service(web::resource("/health").get(move || {
        let health = Arc::clone(&summary);
        async move { health.summary().await }
    }))
    .service(web::resource("/metrics").get(|| async {
        HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4")
            .body(metrics::render())
    }));
}

fn checks(asked: &[(&'static str, bool)]) -> Map<String, Value> {
    asked
        .iter()
        .map(|&(name, passed)| (name.to_owned(), json!(if passed { "ok" } else { "error" })))
        .collect()
}

fn answer(well: bool, body: &Value) -> HttpResponse {
    let status = if well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    HttpResponse::build(status)
        .insert_header(("cache-control", "no-store"))
        .json(body)
}

//! Requests a second, beside a bare handler.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Arguments;
use super::site::{Ground, ROUTE, Server, Site};
use crate::bench::figures::{self, median};
use crate::bench::report::{Floor, Report};

/// Servers take turns of a second, so that what else the machine does falls on all of them.
const TURN: f64 = 1.0;

/// What is not counted of a turn: by then verdicts and leases are there.
const WARM: f64 = 0.25;

/// A server under load, summed over its turns.
#[derive(Default)]
struct Run {
    requests: f64,
    seconds: f64,
    p99_us: Vec<f64>,
    /// Those that warmed up included, as in `cpu_seconds`.
    all: f64,
    cpu_seconds: f64,
    wall_seconds: f64,
}

impl Run {
    fn per_second(&self) -> f64 {
        self.requests / self.seconds
    }

    fn p99_us(&self) -> f64 {
        median(self.p99_us.iter().copied())
    }

    /// What its work costs, whoever else uses the machine.
    fn per_cpu_second(&self) -> f64 {
        self.all / self.cpu_seconds
    }

    fn json(&self) -> Value {
        json!({
            "per_second": self.per_second().round(),
            "p99_us": self.p99_us(),
            // Share of its core that the server had: far below 1, somebody else held it up.
            "cpu_share": self.cpu_seconds / self.wall_seconds,
            "per_cpu_second": self.per_cpu_second().round(),
        })
    }
}

/// All servers.
#[derive(Default)]
struct Round {
    bare: Run,
    bearer: Run,
    logged: Run,
    key: Run,
}

pub(crate) async fn measure(
    ground: &Ground<'_>,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let site = Site::start(ground, "bench_speed").await?;
    site.credentials(arguments.principals, arguments.principals)?;
    let one_worker = ("HTTP_WORKERS", "1".to_owned());
    let quiet = site.gateway(
        "gateway-quiet",
        &[one_worker.clone(), ("LOG_LEVEL", "warning".to_owned())],
    )?;
    let logging = site.gateway("gateway-logging", &[one_worker])?;
    let bare = site.bare(&body(&site, &quiet).await?)?;

    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        let mut round = Round::default();
        for _ in 0..arguments.seconds {
            for (run, server, credentials) in [
                (&mut round.bare, &bare, "bearers"),
                (&mut round.bearer, &quiet, "bearers"),
                (&mut round.logged, &logging, "bearers"),
                (&mut round.key, &quiet, "keys"),
            ] {
                turn(&site, server, credentials, arguments.connections, run)?;
            }
        }
        eprintln!("round {number}: {}", round.json());
        rounds.push(round);
    }

    let over_bare = |of: fn(&Round) -> &Run| {
        median(
            rounds
                .iter()
                .map(|it| of(it).per_second() / it.bare.per_second()),
        )
    };
    report.add(
        "bearer_limited_over_bare",
        "requests a second with a token, limited ÷ a bare handler's",
        Floor::AtLeast(0.5),
        over_bare(|it| &it.bearer),
    );
    report.add(
        "bearer_limited_logged_over_bare",
        "the same with the access log ÷ the bare handler's without",
        Floor::AtLeast(0.4),
        over_bare(|it| &it.logged),
    );
    report.add(
        "bearer_limited_p99_over_bare",
        "99th percentile with a token, limited ÷ the bare handler's",
        Floor::AtMost(3.0),
        median(
            rounds
                .iter()
                .map(|it| it.bearer.p99_us() / it.bare.p99_us()),
        ),
    );
    report.add(
        "key_limited_over_bare",
        "requests a second with a key, limited ÷ a bare handler's",
        Floor::AtLeast(0.55),
        over_bare(|it| &it.key),
    );
    let cost = |of: fn(&Round) -> &Run| {
        let cost = rounds
            .iter()
            .map(|it| of(it).per_cpu_second() / it.bare.per_cpu_second());
        Value::from(median(cost))
    };
    report.note(
        "over_bare_by_cpu_time",
        json!({
            "bearer_limited": cost(|it| &it.bearer),
            "bearer_limited_logged": cost(|it| &it.logged),
            "key_limited": cost(|it| &it.key),
        }),
    );
    report.note("rounds", rounds.iter().map(Round::json).collect());
    Ok(())
}

impl Round {
    fn json(&self) -> Value {
        json!({
            "bare": self.bare.json(),
            "bearer": self.bearer.json(),
            "bearer_logged": self.logged.json(),
            "key": self.key.json(),
        })
    }
}

/// One turn of one server.
fn turn(
    site: &Site<'_>,
    server: &Server,
    credentials: &str,
    connections: usize,
    run: &mut Run,
) -> Result<()> {
    let pid = server.process.id();
    let (cpu, begun) = (figures::cpu_seconds(pid)?, Instant::now());
    let driven = site.drive(
        server,
        credentials,
        &[
            "--warm",
            &WARM.to_string(),
            "--seconds",
            &TURN.to_string(),
            "--connections",
            &connections.to_string(),
        ],
    )?;
    run.cpu_seconds += figures::cpu_seconds(pid)? - cpu;
    run.wall_seconds += begun.elapsed().as_secs_f64();
    run.requests += driven.requests();
    run.seconds += driven.seconds;
    run.all += driven.all();
    run.p99_us.push(driven.p99_us);
    Ok(())
}

/// What the gateway answers, for the bare handler to answer the same.
async fn body(site: &Site<'_>, gateway: &Server) -> Result<String> {
    let (name, value) = site.credential("bearers")?;
    reqwest::Client::new()
        .get(format!("http://{}{ROUTE}", gateway.address))
        .header(name, value)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .context("asking the gateway")?
        .text()
        .await
        .context("reading the gateway's answer")
}

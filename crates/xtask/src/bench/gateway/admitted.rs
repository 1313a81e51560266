//! What a strict limit lets through while many ask two gateways at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

use super::site::{Ground, Site};
use crate::bench::report::{Floor, Report};

/// Logins that the caller may begin in 15 minutes.
const LIMIT: u32 = 600;
const WINDOW: Duration = Duration::from_secs(900);
const CLIENTS: usize = 20;
/// Long enough for the limit to be used up and then refused for a while.
const TIME: Duration = Duration::from_secs(10);

pub(crate) async fn measure(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let site = Site::start(ground, "bench_admitted").await?;
    let variables = [
        ("LIMITS_DEVICE_CODE", LIMIT.to_string()),
        // Not the one that is measured.
        ("LIMITS_KEY", "10000000".to_owned()),
    ];
    let gateways = [
        site.gateway("gateway-one", &variables)?,
        site.gateway("gateway-two", &variables)?,
    ];
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let gateway = &gateways[number % gateways.len()];
        let url: Arc<str> = format!("http://{}/api/hytale/device-code", gateway.address).into();
        clients.spawn(hammer(url, site.key.clone(), begun + TIME));
    }
    let (mut admitted, mut refused) = (0, 0);
    while let Some(client) = clients.join_next().await {
        let client = client.context("a client")?.with_context(|| {
            let last_words = gateways.each_ref().map(|it| it.process.log_tail(10));
            last_words.join("\n")
        })?;
        admitted += client.admitted;
        refused += client.refused;
    }
    // What came back meanwhile, at the most.
    let refill = begun.elapsed().as_secs_f64() * f64::from(LIMIT) / WINDOW.as_secs_f64();
    let most = f64::from(LIMIT) + refill.ceil();
    eprintln!("{admitted} let through, {refused} refused; at most {most}");
    if refused == 0 {
        bail!("the limit was not reached");
    }
    report.add(
        "over_admitted",
        "requests let through beyond a strict limit and its refill, two gateways",
        Floor::AtMost(0.0),
        (f64::from(admitted) - most).max(0.0),
    );
    report.add(
        "under_admitted",
        "requests of a strict limit that were refused too early",
        Floor::AtMost(0.0),
        (f64::from(LIMIT) - f64::from(admitted)).max(0.0),
    );
    Ok(())
}

#[derive(Default)]
struct Answers {
    admitted: u32,
    refused: u32,
}

async fn hammer(url: Arc<str>, key: String, until: Instant) -> Result<Answers> {
    let client = Client::new();
    let mut answers = Answers::default();
    while Instant::now() < until {
        let answer = client
            .post(&*url)
            .header("X-API-Key", &key)
            .json(&json!({}))
            .send()
            .await
            .context("beginning a login")?;
        match answer.status() {
            StatusCode::OK => answers.admitted += 1,
            StatusCode::TOO_MANY_REQUESTS => answers.refused += 1,
            other => bail!(
                "a login was answered {other}: {}",
                answer.text().await.unwrap_or_default()
            ),
        }
    }
    Ok(answers)
}

//! Refresh tokens that are due on three replicas, one of which is killed (SIGKILL).
//!
//! The simulated Hytale revokes the whole family when a token is spent twice. The killed
//! replica may lose what it had in flight, which it had committed as `sending`; nothing else
//! may be lost.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::site::{Ground, Site};
use crate::bench::report::{Floor, Report};
use crate::gateway::Gateway;

/// Requests that one replica makes at once: as many may be in flight when it dies.
const AT_ONCE: usize = 8;
const REPLICAS: i64 = 3;
const LOGINS_AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);

const HOLDERS: &str =
    "SELECT count(DISTINCT spend_holder) FROM hytale_accounts WHERE spend = 'sending'";

pub(crate) async fn measure(ground: &Ground<'_>, tokens: usize, report: &mut Report) -> Result<()> {
    let site = Site::start(ground, "bench_families").await?;
    log_in(&site, tokens).await?;
    let due = "UPDATE hytale_accounts SET refresh_expires_at = now() + interval '1 day'";
    site.database.batch_execute(due).await?;
    // A token is spent as soon as it comes, and its answer is on the way for a while.
    site.hytale
        .tell(
            "faults",
            &json!({ "on": "refresh_token", "effect": { "late": { "seconds": 0.5 } } }),
        )
        .await?;

    let upkeep = [
        ("HYTALE_UPKEEP_SECONDS", "1".to_owned()),
        ("HYTALE_UPKEEP_CONCURRENCY", AT_ONCE.to_string()),
        ("HYTALE_REQUEST_TIMEOUT_SECONDS", "5".to_owned()),
    ];
    let mut schedulers = Vec::new();
    for number in 1..=REPLICAS {
        schedulers.push(site.service("scheduler", &format!("scheduler-{number}"), &upkeep)?);
    }
    until("three replicas in the middle of it", async || {
        Ok(site.number(HOLDERS).await? == REPLICAS)
    })
    .await?;
    let killed = schedulers.first_mut().context("no replica")?;
    killed.process.kill_9()?;

    // What is still being sent when all others are done was in flight in the killed one.
    let all = i64::try_from(tokens).context("so many tokens")?;
    let refreshed =
        "SELECT count(*) FROM hytale_accounts WHERE refresh_expires_at > now() + interval '2 days'";
    until("the others to go on", async || {
        let sending = accounts(&site, "spend = 'sending'").await?.len();
        let done = site.number(refreshed).await?;
        let holders = site.number(HOLDERS).await?;
        Ok(i64::try_from(sending)? + done == all && holders <= 1)
    })
    .await?;
    let in_flight = accounts(&site, "spend = 'sending'").await?;
    ensure!(
        in_flight.len() <= AT_ONCE,
        "{} tokens were in flight in the killed replica",
        in_flight.len()
    );

    let over = "UPDATE hytale_accounts SET spend_until = now() WHERE spend = 'sending'";
    site.database.batch_execute(over).await?;
    until("the leases of the killed one to be taken", async || {
        Ok(accounts(&site, "spend <> 'idle'").await?.is_empty())
    })
    .await?;

    let dead = accounts(&site, "state = 'needs_login'").await?;
    let ambiguous = site
        .number(
            "SELECT count(*) FROM hytale_audit WHERE event_type = 'AUTH_FAILED' \
             AND details->>'after_losses' = '1' AND details->>'reason' = 'already_used'",
        )
        .await?;
    let excused = dead
        .intersection(&in_flight)
        .count()
        .min(usize::try_from(ambiguous)?);
    let summary = site.summary().await?;
    let lost = summary
        .pointer("/families_lost")
        .and_then(Value::as_u64)
        .context("Hytale does not say how many families were lost")?;
    let lost = usize::try_from(lost)?;
    eprintln!(
        "{} in flight in the killed replica, {lost} families lost, {excused} of them excused",
        in_flight.len()
    );
    let unexcused = u32::try_from(lost.max(dead.len()) - excused)?;
    report.add(
        "families_lost",
        "of 500 tokens due, lost beyond those in flight in a killed replica",
        Floor::AtMost(0.0),
        f64::from(unexcused),
    );
    report.note("in_flight_when_killed", in_flight.len().into());
    report.note("families_lost_in_flight", excused.into());
    Ok(())
}

/// Brings accounts into custody as callers do.
async fn log_in(site: &Site<'_>, count: usize) -> Result<()> {
    let gateway = site.gateway(
        "gateway-families",
        &[
            ("LIMITS_DEVICE_CODE", "1000000".to_owned()),
            ("LIMITS_KEY", "1000000".to_owned()),
        ],
    )?;
    site.hytale
        .tell(
            "orders",
            &json!({ "add_logins": { "prefix": "host", "count": count } }),
        )
        .await?;
    let mut logins = JoinSet::new();
    for place in 0..count {
        if logins.len() >= LOGINS_AT_ONCE {
            logins.join_next().await.context("no login")???;
        }
        let caller = Gateway::new(&format!("http://{}", gateway.address), &site.key);
        let hytale = site.hytale.clone();
        logins.spawn(async move {
            let begun = caller
                .hytale(Method::POST, "device-code", &json!({}))
                .await?;
            let approve = json!({ "approve": {
                "user_code": begun["user_code"],
                "account": format!("host{place}"),
            } });
            hytale.tell("orders", &approve).await?;
            let poll = json!({ "device_code": begun["device_code"] });
            let answer = caller.hytale(Method::POST, "token-poll", &poll).await?;
            ensure!(answer["success"] == true, "a login was answered {answer}");
            Ok(())
        });
    }
    while let Some(login) = logins.join_next().await {
        login.context("a login")??;
    }
    Ok(())
}

/// Accounts of which this is true.
async fn accounts(site: &Site<'_>, condition: &str) -> Result<BTreeSet<String>> {
    let query = format!("SELECT account_id::text FROM hytale_accounts WHERE {condition}");
    let rows = site.database.query(&query, &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await? {
        if Instant::now() > deadline {
            bail!("waited in vain for {what}");
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

//! A mail while ten large panels are mirrored for the first time. Of rows that are new with
//! their panel nothing is told, so no webhook is busy meanwhile.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};
use devstack::{Process, free_port};
use reqwest::Method;
use serde_json::{Value, json};

use super::Arguments;
use super::site::{Ground, Site, until};
use crate::bench::figures::median;
use crate::bench::report::{Floor, Report};
use crate::panel::{PanelAccess, PanelSource, Size};
use crate::services;

pub(crate) const PANELS: usize = 10;
pub(crate) const WORKERS: usize = 2;

const PATIENCE: Duration = Duration::from_secs(60);
/// Between two mails, by which the syncs have come further.
const BETWEEN: Duration = Duration::from_secs(8);

const RUNNING: &str = "SELECT count(*) FROM sync_runs WHERE status = 'RUNNING'";

pub(crate) async fn measure(
    ground: &Ground<'_>,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let site = Site::start(ground, "bench_mail").await?;
    site.administer("settings", &json!({ "siteUrl": "https://site.example" }))
        .await?;
    let mut panels = Vec::new();
    for place in 0..PANELS {
        panels.push(panel(&site, place)?);
    }
    let mut workers = Vec::new();
    for number in 1..=WORKERS {
        let (mut worker, port) = site.begin_service("sync-worker", &format!("worker-{number}"))?;
        services::wait_ready(&mut worker, port)?;
        workers.push(worker);
    }
    let notifier = site.notifier("notifier")?;
    for place in 0..PANELS {
        site.gateway.sync_full_of(&name(place)).await?;
    }
    let all = i64::try_from(PANELS)?;
    until("ten syncs", &notifier, PATIENCE, async || {
        Ok(site.number(RUNNING).await? == all)
    })
    .await?;

    let mut seconds = Vec::new();
    let mut running = Vec::new();
    for number in 1..=arguments.rounds {
        tokio::time::sleep(BETWEEN).await;
        let took = mail(&site, &notifier, number).await?;
        let still = site.number(RUNNING).await?;
        eprintln!("round {number}: {took:.3} s, {still} syncs under way");
        ensure!(still > 0, "the syncs were over before the mail");
        seconds.push(took);
        running.push(still);
    }
    report.add(
        "mail_beside_syncs_s",
        "seconds from a mail's order to its first hand-over, ten full syncs under way",
        Floor::AtMost(5.0),
        median(seconds.iter().copied()),
    );
    report.note(
        "mail_rounds",
        json!({ "seconds": seconds, "syncs_under_way_after": running }),
    );
    Ok(())
}

fn name(place: usize) -> String {
    format!("panel-{place}")
}

/// Starts a panel, and adds it to the installation.
fn panel(site: &Site<'_>, place: usize) -> Result<Option<Process>> {
    let port = free_port()?;
    let access = PanelAccess::simulated(port)?;
    let process = PanelSource::Simulated(Size::Large).start(
        &site.launcher,
        &access,
        port,
        &["--latency", "measured"],
    )?;
    let added = site
        .launcher
        .command("nodebyte")
        .args(["panel", "add", &name(place), &access.url])
        .env("NODEBYTE_PANEL_KEY", &access.key)
        .env("NODEBYTE_PANEL_CLIENT_KEY", &access.client_key)
        .output()
        .context("starting nodebyte")?;
    if !added.status.success() {
        bail!(
            "a panel was not added: {}",
            String::from_utf8_lossy(&added.stderr)
        );
    }
    Ok(process)
}

/// Orders a mail; says how many seconds later Resend had it.
async fn mail(site: &Site<'_>, notifier: &Process, number: usize) -> Result<f64> {
    let to = format!("anna-{number}@example.net");
    let data = json!({
        "name": "Anna", "user_id": "user-1", "token": "0123456789abcdef0123456789abcdef",
    });
    let order = json!({ "to": to, "template": "verify_email", "data": data });
    let began = Utc::now();
    site.gateway.mail(&order).await?;
    let mut handed_over = None;
    until("the mail", notifier, PATIENCE, async || {
        let from = format!("sent?from={}", number - 1);
        let sent = site.resend.ask(Method::GET, &from, None).await?;
        handed_over = sent
            .pointer("/0/at")
            .and_then(Value::as_str)
            .map(str::to_owned);
        Ok(handed_over.is_some())
    })
    .await?;
    let at: DateTime<Utc> = handed_over
        .context("the mail's time")?
        .parse()
        .context("the mail's time")?;
    let took = (at - began).to_std().context("Resend's clock")?;
    Ok(took.as_secs_f64())
}

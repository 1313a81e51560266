//! The simulated panel from outside: what it was asked, and asking the same again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::panel::PanelAccess;

/// Requests that the services keep open at once, by default; the bare loop does the same.
const CONCURRENCY: usize = 4;

/// What the panel counted.
#[derive(Deserialize)]
pub(crate) struct Counted {
    pub(crate) total: u32,
    pub(crate) by_status: std::collections::BTreeMap<String, u32>,
    pub(crate) inside_retry_after: u32,
}

#[derive(Deserialize)]
struct Logged {
    path_and_query: String,
}

/// Counts since the last [`forget`].
pub(crate) async fn counted(access: &PanelAccess) -> Result<Counted> {
    fetch(access, "requests").await
}

/// Forgets what was asked so far.
pub(crate) async fn forget(access: &PanelAccess) -> Result<()> {
    Client::new()
        .delete(format!("{}/__simulator/requests", access.url))
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map(drop)
        .context("clearing the panel's log")
}

/// Asks for everything that was asked, in the same order and at the same concurrency, throws the
/// bodies away, and says how long that took: as fast as the panel can be read at all.
pub(crate) async fn bare_loop(access: &PanelAccess) -> Result<Duration> {
    let log: Vec<Logged> = fetch(access, "requests/log").await?;
    lift_limits(access).await?;
    let client = Client::new();
    let mut paths = log.into_iter().map(|logged| logged.path_and_query);
    let mut open = JoinSet::new();
    let start = Instant::now();
    loop {
        while open.len() < CONCURRENCY {
            let Some(path) = paths.next() else { break };
            open.spawn(ask(client.clone(), access.clone(), path));
        }
        let Some(done) = open.join_next().await else {
            break;
        };
        done.context("the bare loop")??;
    }
    Ok(start.elapsed())
}

async fn ask(client: Client, access: PanelAccess, path: String) -> Result<()> {
    let mut answer = client
        .get(format!("{}{path}", access.url))
        .bearer_auth(&access.key)
        .header("Accept", "application/json")
        .send()
        .await
        .context("asking the panel")?;
    ensure!(
        answer.status().is_success(),
        "the panel answered {} to {path}",
        answer.status()
    );
    while answer
        .chunk()
        .await
        .context("reading the panel's answer")?
        .is_some()
    {}
    Ok(())
}

async fn lift_limits(access: &PanelAccess) -> Result<()> {
    let limits: Value = json!({"application": 1_000_000, "client": 1_000_000});
    Client::new()
        .post(format!("{}/__simulator/rate_limit", access.url))
        .json(&limits)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map(drop)
        .context("lifting the panel's limits")
}

async fn fetch<T: serde::de::DeserializeOwned>(access: &PanelAccess, what: &str) -> Result<T> {
    Client::new()
        .get(format!("{}/__simulator/{what}", access.url))
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .context("asking the simulator")?
        .json()
        .await
        .context("the simulator's answer")
}

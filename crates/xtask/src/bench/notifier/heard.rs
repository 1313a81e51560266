//! What the receiver has heard, by its own clock.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::simulator::Simulator;

/// What the receiver counted.
#[derive(Deserialize)]
pub(crate) struct Counted {
    pub(crate) requests: u64,
    pub(crate) by_status: BTreeMap<u16, u64>,
    first_at: Option<DateTime<Utc>>,
    last_at: Option<DateTime<Utc>>,
}

impl Counted {
    /// Requests a second, from the first one to the last.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn per_second(&self) -> Option<f64> {
        let took = (self.last_at? - self.first_at?).to_std().ok()?;
        Some(self.requests as f64 / took.as_secs_f64())
    }
}

/// A request.
#[derive(Deserialize)]
pub(crate) struct Arrival {
    /// When it was read.
    pub(crate) at: DateTime<Utc>,
    /// The event's id.
    pub(crate) webhook_id: String,
    body: String,
}

impl Arrival {
    /// The event's subject and number.
    pub(crate) fn event(&self) -> Result<(String, i64)> {
        let body: Value = serde_json::from_str(&self.body).context("a body is no JSON")?;
        let subject = body["subject"]
            .as_str()
            .context("an event has no subject")?;
        let number = body["data"]["n"]
            .as_i64()
            .context("an event has no number")?;
        Ok((subject.to_owned(), number))
    }
}

/// Counts since the last [`forget`].
pub(crate) async fn counted(receiver: &Simulator) -> Result<Counted> {
    let counted = receiver.ask(Method::GET, "counters", None).await?;
    serde_json::from_value(counted).context("the receiver's counters")
}

/// Requests since the last [`forget`], in their order.
pub(crate) async fn arrivals(receiver: &Simulator) -> Result<Vec<Arrival>> {
    let journal = receiver.ask(Method::GET, "journal", None).await?;
    serde_json::from_value(journal).context("the receiver's journal")
}

/// Forgets what came.
pub(crate) async fn forget(receiver: &Simulator) -> Result<()> {
    receiver
        .ask(Method::DELETE, "journal", None)
        .await
        .map(drop)
}

/// From now on requests are counted, and not written down.
pub(crate) async fn count_only(receiver: &Simulator) -> Result<()> {
    let keep = json!("counters");
    receiver
        .ask(Method::POST, "keep", Some(&keep))
        .await
        .map(drop)
}

/// From now on each request is taken, and answered after so many milliseconds.
pub(crate) async fn answer_after(receiver: &Simulator, milliseconds: u64) -> Result<()> {
    let late = json!({ "answers": [
        { "late": { "status": 200, "milliseconds": milliseconds } }
    ] });
    receiver
        .ask(Method::POST, "rules", Some(&late))
        .await
        .map(drop)
}

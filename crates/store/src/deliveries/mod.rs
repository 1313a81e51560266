//! Events on their way to webhooks.
//!
//! What waits for a webhook lies in lanes (`delivery_lanes`): one a key, or one in all where
//! the other end takes one thing at a time. A lane's row exists exactly while something waits
//! in it, is due when its oldest delivery is, and is held by one sender at a time; so what is
//! in a lane leaves in order, whoever sends it.
//!
//! Whoever changes what waits in a lane locks its row first, in the order of webhook and lane:
//! [`add`] (the matcher), [`settle`] (what became of requests), [`recover`] (whose sender is
//! gone). Claims pass by what is locked. A sender whose lane was given to another changes
//! nothing any more: its fence is old.

mod add;
mod claim;
mod health;
mod list;
mod recover;
mod replay;
mod retention;
mod settle;

pub use add::{NewDelivery, NewDeliveryEvent};
pub use claim::{Head, HeldLane, LaneClaim};
pub use health::{FailingWebhook, WebhookAlert};
pub use list::{AttemptRow, DeliveryFilter, DeliveryRow};
pub use replay::ReplayReport;
pub use retention::DeliveryRetention;
pub use settle::{Attempt, HealthNote, LaneOutcome, NextStep, Settled};

use common::types::id::DeliveryId;
use common::types::webhook::WebhookKind;

/// Notified when deliveries may be due.
pub const DELIVERIES_CHANNEL: &str = "nodebyte_deliveries";

/// The lane of an event about `subject`: Discord takes one thing at a time.
#[must_use]
pub fn lane(kind: WebhookKind, subject: &str) -> String {
    match kind {
        WebhookKind::Discord => "all".to_owned(),
        WebhookKind::Signed => format!("key:{subject}"),
    }
}

/// The lane of a delivery that was set aside.
fn parked_lane(delivery: DeliveryId) -> String {
    format!("parked:{delivery}")
}

//! Events on their way to webhooks.
//!
//! What waits for a webhook lies in lanes (`delivery_lanes`): one a key, or one in all where
//! the other end takes one thing at a time. A lane's row exists exactly while something waits
//! in it, is due when its oldest delivery is, and is held by one sender at a time; so what is
//! in a lane leaves in order, whoever sends it.
//!
//! Whoever changes what waits in a lane locks its row first, and looks what waits there in a
//! statement of its own, so that nothing that was added before the lock is missed. Everybody
//! locks in one order, so that nobody waits for ever: webhooks, lanes by webhook and name,
//! deliveries, health by webhook. [`claim`] and [`recover`] pass by lanes that are locked. A
//! sender whose lane was given to another changes nothing any more: its fence is old.

mod add;
mod alert;
mod claim;
mod dead;
mod disable;
mod health;
mod lanes;
mod list;
mod outcome;
mod pauses;
mod purge;
mod recover;
mod replay;
mod retention;
mod settle;

pub use add::{NewDelivery, NewDeliveryEvent};
pub use alert::{FailingWebhook, WebhookAlert};
pub use claim::{Head, HeldLane, LaneClaim};
pub(crate) use lanes::lock_all;
pub use list::{AttemptRow, DeliveryFilter, DeliveryRow};
pub use outcome::{Attempt, HealthNote, LaneOutcome, NextStep, Settled};
pub use purge::PurgeReport;
pub use replay::ReplayReport;
pub use retention::DeliveryRetention;

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

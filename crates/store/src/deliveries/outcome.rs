//! What senders say about the lanes that they held.

use common::types::id::{DeliveryId, WebhookId};
use std::time::{Duration, Instant};

/// What became of a lane that was held.
#[derive(Debug, Clone)]
pub struct LaneOutcome {
    /// Whose it is.
    pub webhook: WebhookId,
    /// Which.
    pub lane: String,
    /// From its claim.
    pub fence: i64,
    /// From its claim.
    pub is_probe: bool,
    /// Since when it has been held, if it may be held on to: its end takes what it gets.
    pub stays: Option<Instant>,
    /// What became of its heads; those that are not named wait as they did.
    pub settled: Vec<Settled>,
    /// What that says about the webhook.
    pub health: HealthNote,
    /// How long nothing else goes there; zero where it asked for no pause.
    pub pause: Duration,
    /// How long nothing goes to any webhook of its kind; zero unless the provider blocks us.
    pub provider_pause: Duration,
}

/// What became of a delivery.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Which.
    pub delivery: DeliveryId,
    /// The attempt, if there was one.
    pub attempt: Option<Attempt>,
    /// What happens next.
    pub next: NextStep,
}

/// An attempt that is over.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// From the claim.
    pub number: i32,
    /// `delivered`, `failed`, `unknown` or `limited`.
    pub outcome: &'static str,
    /// Whether it counts against the schedule.
    pub counted: bool,
    /// HTTP status, if there was an answer.
    pub status: Option<i32>,
    /// Of the answer: cut, and without secrets.
    pub answer: String,
    /// How long it took.
    pub took: Duration,
}

/// What happens next with a delivery.
#[derive(Debug, Clone)]
pub enum NextStep {
    /// Nothing: it has arrived.
    Delivered {
        /// Discord's id of the message.
        message_id: Option<String>,
    },
    /// It is tried again.
    Again {
        /// Not before this time has passed.
        wait: Duration,
        /// Whether it is set aside, for others to proceed.
        park: bool,
    },
    /// Nothing, until somebody replays it.
    Dead {
        /// Why, in a sentence.
        reason: String,
    },
}

/// What a request says about the webhook as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthNote {
    /// Nothing.
    Nothing,
    /// It works: it took something, or refused it with a reason.
    Works {
        /// Whether it took it.
        took_it: bool,
    },
    /// It asks to be left alone for a while.
    Limited,
    /// It does not work.
    Fails {
        /// How long ago the request began.
        began: Duration,
    },
    /// Nothing can be delivered there until somebody changes it.
    Disable {
        /// A word for programs.
        reason: &'static str,
        /// The webhook's, when the request was made: one that was changed since stays.
        revision: i64,
    },
}

//! Commands: requests for work, sent to one queue. Each variant's name carries
//! its version; a changed payload is a new variant, and every payload that was
//! ever sent must still parse (`tests/it/golden`).

use crate::types::id::RunId;
use serde::{Deserialize, Serialize};

/// A request for work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum Command {
    /// A run waits to be worked on. Only wakes a worker: what is to be done
    /// stands in PostgreSQL.
    #[serde(rename = "sync.run.v1")]
    SyncRunV1 {
        /// The run.
        run_id: RunId,
    },
}

impl Command {
    /// The queue that takes the command.
    #[must_use]
    pub fn queue(&self) -> &'static str {
        match self {
            Self::SyncRunV1 { .. } => SYNC_QUEUE,
        }
    }
}

/// Queue of the sync workers.
pub const SYNC_QUEUE: &str = "sync-worker.commands";

/// Queue of the events that the notifier matches with webhooks.
pub const NOTIFIER_QUEUE: &str = "notifier.events";

/// Name of the topic exchange that carries every event; the routing key is the
/// event's type.
pub const EVENT_EXCHANGE: &str = "nodebyte.events";

/// Name of the direct exchange that carries commands; the routing key is the
/// queue's name.
pub const COMMAND_EXCHANGE: &str = "nodebyte.commands";

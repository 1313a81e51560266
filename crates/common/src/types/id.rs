//! Typed identifiers: mixing two of them is a compile error.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new, time-ordered id (UUID version 7, RFC 9562), so that
            /// index pages fill from one side.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// One mirrored panel.
    PanelId
);
uuid_id!(
    /// One sync run; the HTTP API calls it `sync_log_id`.
    RunId
);
uuid_id!(
    /// One unit of work within a run.
    TaskId
);
uuid_id!(
    /// One running worker process.
    WorkerId
);
uuid_id!(
    /// One message or event; the key of idempotency.
    MessageId
);
uuid_id!(
    /// One device login.
    FlowId
);
uuid_id!(
    /// One game session, by our own id.
    SessionId
);
uuid_id!(
    /// One webhook.
    WebhookId
);
uuid_id!(
    /// One event on its way to one webhook.
    DeliveryId
);
uuid_id!(
    /// One mail; Resend knows it by this id, too.
    MailId
);

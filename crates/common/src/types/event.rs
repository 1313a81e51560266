//! Events: facts that have happened, told to whoever listens, as CloudEvents
//! 1.0 in structured JSON (<https://github.com/cloudevents/spec>).

use crate::types::id::MessageId;
use crate::types::webhook::{Audience, WebhookScope, WebhookType};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A CloudEvent. Events of one `subject` are published in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique with `source`; repeated deliveries carry the same id.
    pub id: MessageId,
    /// Who says it, for example `/nodebyte/sync`.
    pub source: String,
    /// One of [`EventType`]'s names.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Our own id of the row that the event is about.
    pub subject: String,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// What the type's entry in [`EventType`] lists.
    pub data: Value,
}

impl Event {
    /// An event that happens now.
    #[must_use]
    pub fn new(
        event_type: EventType,
        subject: impl Into<String>,
        time: DateTime<Utc>,
        data: Value,
    ) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: MessageId::new(),
            source: event_type.source().to_owned(),
            event_type: event_type.as_str().to_owned(),
            subject: subject.into(),
            time,
            datacontenttype: "application/json".to_owned(),
            data,
        }
    }
}

macro_rules! event_types {
    ($($(#[$doc:meta])* $variant:ident = $name:literal for $about:ident $scope:ident : $data:expr;)*) => {
        /// Every event there is. The words after `for` say which webhooks are told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($(#[$doc])* $variant,)*
        }

        impl EventType {
            /// All types, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The CloudEvents `type`, which is the routing key too.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The CloudEvents `source`: which part of the product says it.
            #[must_use]
            pub fn source(self) -> &'static str {
                match self.as_str().split('.').next() {
                    Some("hytale") => "/nodebyte/hytale",
                    // Whoever says these names itself.
                    Some("user" | "server" | "support") => "/callers",
                    Some("settings") => "/nodebyte/settings",
                    Some("webhook" | "delivery" | "mail") => "/nodebyte/notifier",
                    _ => "/nodebyte/sync",
                }
            }

            /// The type of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Whom it is for.
            #[must_use]
            pub fn audience(self) -> Audience {
                match self {
                    $(Self::$variant => Audience {
                        about: WebhookType::$about,
                        scope: WebhookScope::$scope,
                    },)*
                }
            }

            /// Names of the fields in `data`.
            #[must_use]
            pub fn data_fields(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => $data,)*
                }
            }
        }
    };
}

/// First words of the names that only this installation may say: partners trust our signature.
/// What we say is among them, in singular and plural, and so is what could be taken for it.
pub const RESERVED: &[&str] = &[
    "deliveries",
    "delivery",
    "hytale",
    "key",
    "keys",
    "mail",
    "mails",
    "nodebyte",
    "panel",
    "panels",
    "setting",
    "settings",
    "sync",
    "syncs",
    "webhook",
    "webhooks",
];

/// Whether only this installation may say events of that name.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default();
    RESERVED.contains(&first)
}

const ROW: &[&str] = &["panel_id", "remote_id"];
const CHANGED_ROW: &[&str] = &["panel_id", "remote_id", "changed"];
const RUN: &[&str] = &["panel_id", "kind"];
const ENDED_RUN: &[&str] = &[
    "panel_id",
    "kind",
    "seconds",
    "items_total",
    "items_synced",
    "items_failed",
];

event_types! {
    /// A location appeared.
    LocationCreated = "panel.location.created" for GameServer Admin: ROW;
    /// A location changed.
    LocationUpdated = "panel.location.updated" for GameServer Admin: CHANGED_ROW;
    /// A location is gone from the panel.
    LocationDeleted = "panel.location.deleted" for GameServer Admin: ROW;
    /// A removed location is back.
    LocationRestored = "panel.location.restored" for GameServer Admin: ROW;
    /// A node appeared.
    NodeCreated = "panel.node.created" for GameServer Admin: ROW;
    /// A node changed.
    NodeUpdated = "panel.node.updated" for GameServer Admin: CHANGED_ROW;
    /// A node is gone from the panel.
    NodeDeleted = "panel.node.deleted" for GameServer Admin: ROW;
    /// A removed node is back.
    NodeRestored = "panel.node.restored" for GameServer Admin: ROW;
    /// A nest appeared.
    NestCreated = "panel.nest.created" for GameServer Admin: ROW;
    /// A nest changed.
    NestUpdated = "panel.nest.updated" for GameServer Admin: CHANGED_ROW;
    /// A nest is gone from the panel.
    NestDeleted = "panel.nest.deleted" for GameServer Admin: ROW;
    /// A removed nest is back.
    NestRestored = "panel.nest.restored" for GameServer Admin: ROW;
    /// An egg appeared.
    EggCreated = "panel.egg.created" for GameServer Admin: ROW;
    /// An egg or one of its variables changed.
    EggUpdated = "panel.egg.updated" for GameServer Admin: CHANGED_ROW;
    /// An egg is gone from the panel.
    EggDeleted = "panel.egg.deleted" for GameServer Admin: ROW;
    /// A removed egg is back.
    EggRestored = "panel.egg.restored" for GameServer Admin: ROW;
    /// A server appeared.
    ServerCreated = "panel.server.created" for GameServer Admin: ROW;
    /// A server, its variables, allocations or subusers changed.
    ServerUpdated = "panel.server.updated" for GameServer Admin: CHANGED_ROW;
    /// A server is gone from the panel.
    ServerDeleted = "panel.server.deleted" for GameServer Admin: ROW;
    /// A removed server is back.
    ServerRestored = "panel.server.restored" for GameServer Admin: ROW;
    /// A database appeared.
    DatabaseCreated = "panel.database.created" for GameServer Admin: ROW;
    /// A database changed.
    DatabaseUpdated = "panel.database.updated" for GameServer Admin: CHANGED_ROW;
    /// A database is gone from the panel.
    DatabaseDeleted = "panel.database.deleted" for GameServer Admin: ROW;
    /// A removed database is back.
    DatabaseRestored = "panel.database.restored" for GameServer Admin: ROW;
    /// A panel user appeared.
    UserCreated = "panel.user.created" for GameServer Admin: ROW;
    /// A panel user changed.
    UserUpdated = "panel.user.updated" for GameServer Admin: CHANGED_ROW;
    /// A panel user is gone from the panel.
    UserDeleted = "panel.user.deleted" for GameServer Admin: ROW;
    /// A removed panel user is back.
    UserRestored = "panel.user.restored" for GameServer Admin: ROW;
    /// Allocations of one node changed; one event a transaction.
    AllocationsChanged = "panel.allocations.changed" for GameServer Admin:
        &["panel_id", "node_remote_id", "created", "updated", "deleted", "restored"];
    /// A kind has been listed completely for the first time.
    Mirrored = "panel.mirrored" for GameServer Admin: &["panel_id", "kind", "rows"];
    /// A run began to work.
    SyncStarted = "sync.started" for System Admin: RUN;
    /// A run ended well.
    SyncCompleted = "sync.completed" for System Admin: ENDED_RUN;
    /// A run ended badly.
    SyncFailed = "sync.failed" for System Admin:
        &["panel_id", "kind", "seconds", "items_total", "items_synced", "items_failed", "failed_step", "error"];
    /// A run was cancelled.
    SyncCancelled = "sync.cancelled" for System Admin: ENDED_RUN;
    /// A run held removals back; `nodebyte sync confirm` makes them.
    SyncHeld = "sync.held" for System Admin:
        &["panel_id", "kind", "seconds", "items_total", "items_synced", "items_failed", "held"];
    /// Hytale refused an account's refresh token: somebody must log in again.
    HytaleLoginNeeded = "hytale.account.login_needed" for Security Admin: &["environment", "account_id", "reason"];
    /// Somebody else logged in with an account that has an owner; nothing was stored.
    HytaleLoginRefused = "hytale.account.login_refused" for Security Admin: &["environment", "account_id", "principal"];
    /// An account's sessions came near Hytale's limit; told again only after they were fewer.
    HytaleSessionsNearLimit = "hytale.sessions.near_limit" for Security Admin:
        &["environment", "account_id", "active", "lost", "limit"];
    /// A webhook takes nothing any more; `percent` of the time until it is disabled is over.
    WebhookFailing = "webhook.failing" for System Admin: &["name", "since", "percent", "disabled_at"];
    /// A webhook was disabled because nothing can be delivered to it.
    WebhookDisabled = "webhook.disabled" for System Admin: &["name", "reason"];
    /// An event could not be delivered and is not tried any more; it can be replayed.
    DeliveryDead = "delivery.dead" for System Admin:
        &["webhook_id", "name", "event_id", "event_type", "reason"];
    /// Somebody changed settings; of secrets it says only that they changed.
    SettingsChanged = "settings.changed" for System Admin: &["actor", "changes"];
    /// No mail leaves for a while with the key for Resend that met it; all of it is kept.
    MailPaused = "mail.paused" for System Admin: &["reason", "until"];
    /// A mail could not be handed over and is not tried any more. It does not say whom it was for.
    MailDead = "mail.dead" for System Admin: &["template", "reason"];
    /// Somebody registered at the website.
    CustomerRegistered = "user.registered" for System Admin: &["email"];
    /// A customer's server was made.
    CustomerServerCreated = "server.created" for GameServer User: &["name", "owner"];
    /// A customer's server was suspended.
    CustomerServerSuspended = "server.suspended" for GameServer User: &["name", "reason"];
    /// A customer opened a ticket.
    TicketCreated = "support.ticket_created" for Support Admin: &["subject", "user", "priority"];
}

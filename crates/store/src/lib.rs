//! PostgreSQL: the facts. One file per aggregate; every public operation that
//! changes something is one transaction. Nothing outside this crate names
//! diesel, so a caller cannot hold a transaction open across other I/O.

mod access_tokens;
mod accounts;
mod admin_audit;
mod api_keys;
mod cleanup;
mod config;
mod data_keys;
mod deliveries;
mod dispatches;
mod error;
mod hytale;
mod inbox;
mod leases;
mod mails;
mod migrate;
mod mirror;
mod outbox;
mod panels;
mod partitions;
mod pool;
mod prepared;
mod rate_limits;
mod reconcile;
mod runs;
mod sealed;
mod tasks;
mod users;
mod wake;
mod webhooks;
mod workers;

pub use access_tokens::{
    AccessTokenRow, NewAccessToken, NewSigningKey, SigningKeyRow, TokenStanding,
};
pub use accounts::{LinkConflict, LinkReport, PanelIdentity};
pub use admin_audit::{AdminAuditFilter, AdminLineRow};
pub use api_keys::{ApiKeyOutcome, ApiKeyRow, KEYS_AT_ONCE, NewApiKey, StoredLimits, ValidApiKey};
pub use cleanup::{Cleaned, Retention};
pub use config::{SettingRow, SettingWrite, SettingsChange};
pub use data_keys::{DataKeyRow, Dropped, Rewrapped};
pub use deliveries::{
    Attempt, AttemptRow, DELIVERIES_CHANNEL, DeliveryFilter, DeliveryRetention, DeliveryRow,
    FailingWebhook, Head, HealthNote, HeldLane, LaneClaim, LaneOutcome, NewDelivery,
    NewDeliveryEvent, NextStep, PurgeReport, ReplayReport, Settled, WebhookAlert, lane,
};
pub use dispatches::{DispatchKey, Said};
pub use error::StoreError;
pub use hytale::{
    AccountRow, AuditFilter, AuditRow, CountedSession, CustodyCounts, DueRefresh, FlowRow,
    FlowTokens, InventoryPage, LOST_SESSIONS_COUNT, Login, LoginOutcome, NamedAccount,
    NewAuditLine, NewFlow, NewServerLogs, NewSession, Renewal, Renewed, Room, SavedLogs,
    ServerLogPage, ServerLogRow, ServerPlace, SessionClaim, SessionCount, SessionEnd, SessionLimit,
    SessionRow, SessionTokens, Spend, SpendStart, SurplusSession,
};
pub use inbox::{InboxEntry, Receipt};
pub use leases::Lease;
pub use mails::{
    HeldMail, MAIL_LIFE, MAILS_CHANNEL, MailAsked, MailAttempt, MailAttemptRow, MailClaim,
    MailFilter, MailOutcome, MailPause, MailQueued, MailReplay, MailRow, MailStep,
    MailSuppressionRow, MailUpkeep, NewMail, NewMailSuppression,
};
pub use migrate::MigrationReport;
pub use mirror::{MirrorCounts, PageCommit, PageReport, PageRows, ServerParts};
pub use outbox::{Outgoing, OutgoingRoute};
pub use panels::{NewPanel, PanelRow, ServerAddress};
pub use partitions::{FOR_EVER, MonthlyTable, Partitions};
pub use pool::{Settings, Store};
pub use rate_limits::RateLimitRow;
pub use reconcile::{Candidate, Listing, RemovalScope, Resource, ResourceCounts, Why};
pub use runs::{
    CancelOutcome, ConfirmOutcome, Ending, LogLine, NewRun, RunError, RunKind, RunRow, Triggered,
};
pub use sealed::{Resealed, SEALED_COLUMNS, SealedColumn, SealedRow};
pub use tasks::{ClaimSettings, NewTask, Progress, TaskLease, TaskRow};
pub use users::{NewUser, UserChange, UserOutcome, UserRow};
pub use wake::{OUTBOX_CHANNEL, TASKS_CHANNEL, Wakeups};
pub use webhooks::{Kept, NewWebhook, Rotated, WebhookChange, WebhookRow};
pub use workers::SYNC_WORKER;

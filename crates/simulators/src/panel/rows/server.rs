//! Servers, and what hangs on them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Id;

/// A server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Row number.
    pub id: Id,
    /// Identifier of another system.
    pub external_id: Option<String>,
    /// Identity; its first eight digits are the short identifier.
    pub uuid: Uuid,
    /// Display name.
    pub name: String,
    /// Description, empty when there is none.
    pub description: String,
    /// `None` is fine; else what the panel's column says, such as `installing` or `suspended`.
    pub status: Option<String>,
    /// Limits on the machine.
    pub limits: Limits,
    /// Limits on features.
    pub feature_limits: FeatureLimits,
    /// Owner.
    pub user: Id,
    /// Node it runs on.
    pub node: Id,
    /// Primary allocation.
    pub allocation: Id,
    /// Nest of its egg.
    pub nest: Id,
    /// Egg.
    pub egg: Id,
    /// Start command.
    pub startup: String,
    /// Image; one that begins with `~` may not be changed by the user.
    pub image: String,
    /// Last change of the row.
    pub updated_at: DateTime<Utc>,
    /// Creation of the row.
    pub created_at: DateTime<Utc>,
}

/// A server's limits on the machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// MiB; 0 is unlimited.
    pub memory: i64,
    /// MiB; 0 is none, -1 unlimited.
    pub swap: i64,
    /// MiB; 0 is unlimited.
    pub disk: i64,
    /// Block I/O weight.
    pub io: i64,
    /// Percent of a core; 0 is unlimited.
    pub cpu: i64,
    /// Cores it is pinned to, such as `0-1,3`.
    pub threads: Option<String>,
    /// Whether the out-of-memory killer is off.
    pub oom_disabled: bool,
}

/// A server's limits on features: `None` is unlimited, 0 is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeatureLimits {
    /// Databases.
    pub databases: Option<u32>,
    /// Additional allocations.
    pub allocations: Option<u32>,
    /// Backups.
    pub backups: u32,
}

/// A user whom a server's owner lets in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subuser {
    /// Row number.
    pub id: Id,
    /// The user.
    pub user_id: Id,
    /// The server.
    pub server_id: Id,
    /// Permissions; may be empty.
    pub permissions: Vec<String>,
    /// Creation of the row.
    #[serde(with = "crate::panel::time::seconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "crate::panel::time::seconds")]
    pub updated_at: DateTime<Utc>,
}

/// A database of a server.
#[derive(Clone, Debug, Deserialize)]
pub struct Database {
    /// Row number.
    pub id: Id,
    /// The server.
    pub server: Id,
    /// The database host.
    pub host: Id,
    /// Name of the database.
    pub database: String,
    /// Login name.
    pub username: String,
    /// Addresses that may connect, such as `%`.
    pub remote: String,
    /// Most connections at once.
    pub max_connections: Option<u32>,
    /// Creation of the row.
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    pub updated_at: DateTime<Utc>,
    /// Password in plain text, shown to whoever asks with `include=password`.
    #[serde(skip)]
    pub password: String,
}

/// A database server.
#[derive(Clone, Debug, Deserialize)]
pub struct DatabaseHost {
    /// Row number.
    pub id: Id,
    /// Display name.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Administrative login name.
    pub username: String,
    /// Node whose servers prefer it.
    pub node: Option<Id>,
    /// Creation of the row.
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    pub updated_at: DateTime<Utc>,
}

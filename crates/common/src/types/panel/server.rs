//! Servers and what belongs to one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What became of an include that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Included<T> {
    /// It was not asked for.
    #[default]
    NotAsked,
    /// The key may not read it (`null_resource`): nothing is known.
    Forbidden,
    /// The panel listed it whole.
    Listed(T),
}

impl<T> Included<T> {
    /// The listed value, if there is one.
    pub fn listed(&self) -> Option<&T> {
        match self {
            Self::Listed(value) => Some(value),
            Self::NotAsked | Self::Forbidden => None,
        }
    }
}

/// A game server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The panel's id.
    pub id: i64,
    /// The panel's uuid.
    pub uuid: Uuid,
    /// First eight characters of the uuid.
    pub identifier: String,
    /// Id in another system.
    pub external_id: Option<String>,
    /// Name.
    pub name: String,
    /// Description, often empty.
    pub description: String,
    /// Verbatim: null (nothing special), `installing`, `install_failed`,
    /// `reinstall_failed`, `suspended`, `restoring_backup`, or what else the
    /// panel says.
    pub status: Option<String>,
    /// Whether the server is suspended.
    pub suspended: bool,
    /// Memory in MiB; 0: unlimited.
    pub memory: i64,
    /// Swap in MiB; 0: none, -1: unlimited.
    pub swap: i64,
    /// Disk in MiB; 0: unlimited.
    pub disk: i64,
    /// Block I/O weight, 10 to 1000.
    pub io: i64,
    /// CPU in per cent of one core; 0: unlimited.
    pub cpu: i64,
    /// Cores the server is pinned to, for example `0-1,3`.
    pub threads: Option<String>,
    /// Whether the OOM killer is off for it.
    pub oom_disabled: bool,
    /// Databases it may have; null: unlimited.
    pub database_limit: Option<i64>,
    /// Allocations it may have; null: unlimited.
    pub allocation_limit: Option<i64>,
    /// Backups it may have.
    pub backup_limit: i64,
    /// Owner's id on the panel.
    pub user: i64,
    /// Node's id on the panel.
    pub node: i64,
    /// Primary allocation's id on the panel.
    pub allocation: Option<i64>,
    /// Nest's id on the panel.
    pub nest: i64,
    /// Egg's id on the panel.
    pub egg: i64,
    /// Start command with placeholders.
    pub startup_command: String,
    /// Image; may begin with `~`.
    pub image: String,
    /// Whether the installation finished.
    pub installed: bool,
    /// When the panel created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When the panel last changed the server's own row.
    pub updated_at: Option<DateTime<Utc>>,
    /// Values of the egg's variables.
    pub variables: Included<Vec<ServerVariable>>,
    /// Ids of all allocations, the primary one among them.
    pub allocations: Included<Vec<i64>>,
    /// Other users with access.
    pub subusers: Included<Vec<Subuser>>,
    /// Databases.
    pub databases: Included<Vec<Database>>,
}

/// What a server sets for one of its egg's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVariable {
    /// The egg variable's id on the panel.
    pub egg_variable: i64,
    /// Null: no row on the panel, the egg's default applies. Empty: explicitly
    /// empty.
    pub server_value: Option<String>,
}

/// A user who was given access to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subuser {
    /// The panel's id.
    pub id: i64,
    /// The user's id on the panel.
    pub user: i64,
    /// The server's id on the panel.
    pub server: i64,
    /// Permissions verbatim; may be empty, may repeat.
    pub permissions: Vec<String>,
    /// When the panel created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When the panel last changed it.
    pub updated_at: Option<DateTime<Utc>>,
}

/// A database of a server. The password is never asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The panel's id.
    pub id: i64,
    /// The server's id on the panel.
    pub server: i64,
    /// The database host's id on the panel.
    pub host: i64,
    /// Name of the database.
    pub database: String,
    /// Name of its user.
    pub username: String,
    /// Where connections may come from; `%`: anywhere.
    pub remote: String,
    /// Null or 0: unlimited.
    pub max_connections: Option<i64>,
    /// When the panel created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When the panel last changed it.
    pub updated_at: Option<DateTime<Utc>>,
    /// The host, where the panel told it.
    pub database_host: Option<DatabaseHost>,
}

/// A database server that the panel creates databases on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseHost {
    /// The panel's id.
    pub id: i64,
    /// Name shown to admins.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: i32,
    /// The panel's user on it.
    pub username: String,
    /// The node it belongs to, if it belongs to one.
    pub node: Option<i64>,
    /// When the panel created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When the panel last changed it.
    pub updated_at: Option<DateTime<Utc>>,
}

/// Which of a server's relations a listing brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServerIncludes {
    /// `include=allocations`.
    pub allocations: bool,
    /// `include=variables`.
    pub variables: bool,
    /// `include=subusers`.
    pub subusers: bool,
    /// `include=databases.host`; never `databases.password`.
    pub databases: bool,
}

/// Live use of a server, from the Client API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerResources {
    /// `running`, `starting`, `stopping`, `offline`.
    pub current_state: String,
    /// Whether the server is suspended.
    pub is_suspended: bool,
    /// Memory in bytes.
    pub memory_bytes: i64,
    /// CPU in per cent of one core.
    pub cpu_absolute: f64,
    /// Disk in bytes.
    pub disk_bytes: i64,
    /// Received bytes since the start.
    pub network_rx_bytes: i64,
    /// Sent bytes since the start.
    pub network_tx_bytes: i64,
    /// Milliseconds since the start.
    pub uptime: i64,
}

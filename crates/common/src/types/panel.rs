//! What a panel says about itself, in our words. `panels` produces these
//! values, `store` merges them. Ids are the panel's own (`remote_id` in the
//! mirror). Null, empty and absent stay apart: an `Option` is a null.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A place where nodes stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The panel's id.
    pub id: i64,
    /// Short code, for example `eu-fra`.
    pub short: String,
    /// Description.
    pub long: Option<String>,
    /// When the panel created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When the panel last changed it.
    pub updated_at: Option<DateTime<Utc>>,
}

/// A machine that runs servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The panel's id.
    pub id: i64,
    /// The panel's uuid: another uuid under a known id is another node.
    pub uuid: Uuid,
    /// Name shown to admins.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// The location's id on the panel.
    pub location: i64,
    /// Host name or IP address of the daemon.
    pub fqdn: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Whether a proxy stands before the daemon.
    pub behind_proxy: bool,
    /// Whether servers are deployed here automatically.
    pub public: bool,
    /// Whether the node is in maintenance.
    pub maintenance_mode: bool,
    /// Memory in MiB.
    pub memory: i64,
    /// Percentage that may be allocated beyond `memory`; -1: no check.
    pub memory_overallocate: i64,
    /// Disk in MiB.
    pub disk: i64,
    /// Percentage that may be allocated beyond `disk`; -1: no check.
    pub disk_overallocate: i64,
    /// Largest upload in MiB.
    pub upload_size: i64,
    /// Port of the daemon's HTTP API.
    pub daemon_listen: i32,
    /// Port of the daemon's SFTP server.
    pub daemon_sftp: i32,
    /// Directory of the servers' files.
    pub daemon_base: String,
    /// When the panel created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When the panel last changed it.
    pub updated_at: Option<DateTime<Utc>>,
}

/// An address and port on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The panel's id.
    pub id: i64,
    /// IPv4 or IPv6 address as the panel writes it.
    pub ip: String,
    /// Port, 0 to 65535.
    pub port: i32,
    /// Host name shown instead of the address.
    pub alias: Option<String>,
    /// Notes of the owner.
    pub notes: Option<String>,
    /// Whether a server holds it.
    pub assigned: bool,
}

/// A group of eggs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nest {
    /// The panel's id.
    pub id: i64,
    /// The panel's uuid.
    pub uuid: Uuid,
    /// E-mail of the author.
    pub author: String,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// When the panel created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When the panel last changed it.
    pub updated_at: Option<DateTime<Utc>>,
    /// All eggs of the nest.
    pub eggs: Vec<Egg>,
}

/// A game server template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egg {
    /// The panel's id.
    pub id: i64,
    /// The panel's uuid.
    pub uuid: Uuid,
    /// The nest's id on the panel.
    pub nest: i64,
    /// E-mail of the author.
    pub author: String,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// Default image; empty when the egg has none.
    pub docker_image: String,
    /// Label to image.
    pub docker_images: BTreeMap<String, String>,
    /// Start command with placeholders.
    pub startup: Option<String>,
    /// When the panel created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When the panel last changed it.
    pub updated_at: Option<DateTime<Utc>>,
    /// All variables of the egg.
    pub variables: Vec<EggVariable>,
}

/// A setting that an egg offers to its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EggVariable {
    /// The panel's id.
    pub id: i64,
    /// The egg's id on the panel.
    pub egg: i64,
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Name in the server's environment.
    pub env_variable: String,
    /// Value of servers that set none.
    pub default_value: String,
    /// Whether the customer sees it.
    pub user_viewable: bool,
    /// Whether the customer may change it.
    pub user_editable: bool,
    /// Laravel validation rules, verbatim (a regular expression may hold `|`).
    pub rules: String,
    /// When the panel created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When the panel last changed it.
    pub updated_at: Option<DateTime<Utc>>,
}

/// A person known to the panel: an owner or a subuser, never an account here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanelUser {
    /// The panel's id.
    pub id: i64,
    /// The panel's uuid.
    pub uuid: Uuid,
    /// Id in another system; not unique.
    pub external_id: Option<String>,
    /// Login name, lower case.
    pub username: String,
    /// Address as the panel holds it, case kept.
    pub email: String,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Language tag.
    pub language: String,
    /// Whether the panel lets this user administer it.
    pub root_admin: bool,
    /// Whether two-factor authentication is on.
    pub two_factor: bool,
    /// When the panel created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When the panel last changed it.
    pub updated_at: Option<DateTime<Utc>>,
}

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

/// One page to ask for: which, and how many rows a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// Counted from 1.
    pub number: u32,
    /// Rows a page.
    pub size: u32,
}

impl PageRequest {
    /// Position of the page's first row in the listing, counted from 0.
    #[must_use]
    pub fn offset(self) -> u64 {
        u64::from(self.number.saturating_sub(1)) * u64::from(self.size)
    }
}

/// A record that could not be understood: its stored row stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRecord {
    /// The panel's id, where it could be told.
    pub id: Option<i64>,
    /// Position in the listing, counted from 0.
    pub position: u64,
    /// What is wrong, without any of the record's values.
    pub reason: String,
}

/// All rows of one requested page, whatever number of answers they came in.
#[derive(Debug, Clone)]
pub struct Chunk<T> {
    /// The rows that could be read.
    pub rows: Vec<T>,
    /// Rows that the panel sent and we cannot read.
    pub bad: Vec<BadRecord>,
    /// Rows that the panel itself cannot send: asked for alone it answers 500.
    pub poison: Vec<BadRecord>,
    /// `meta.pagination.total`, or the number of rows where a listing has no
    /// pages.
    pub total: u64,
    /// Whether `total` was the same in every answer of the chunk.
    pub total_constant: bool,
    /// HTTP requests made.
    pub requests: u32,
}

/// What a row's own address says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<T> {
    /// The panel's own JSON 404: the row is gone.
    Gone,
    /// It is there.
    Found(T),
    /// It is there, but cannot be read (a 500, or a record we don't
    /// understand): the text says why.
    Unreadable(String),
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

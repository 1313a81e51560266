//! The rows of a panel's database, as plain data. What an answer shows of them is `render`'s business.
//!
//! Names and meanings are the panel's own; ids are its auto-increment integers.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// A row's number in its table.
pub type Id = u32;

/// A location: nodes stand in one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Location {
    /// Row number.
    pub id: Id,
    /// Short name, unique.
    pub short: String,
    /// Description, if any.
    pub long: Option<String>,
    /// Last change of the row.
    #[serde(with = "super::time::seconds")]
    pub updated_at: DateTime<Utc>,
    /// Creation of the row.
    #[serde(with = "super::time::seconds")]
    pub created_at: DateTime<Utc>,
}

/// A machine that runs servers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// Row number.
    pub id: Id,
    /// Identity that survives a reinstalled row number.
    pub uuid: Uuid,
    /// Whether automatic deployment may use it.
    pub public: bool,
    /// Display name.
    pub name: String,
    /// Description, if any.
    pub description: Option<String>,
    /// The location it stands in.
    pub location_id: Id,
    /// Host name or address of its daemon.
    pub fqdn: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Whether a proxy ends TLS before the daemon.
    pub behind_proxy: bool,
    /// Whether it is in maintenance.
    pub maintenance_mode: bool,
    /// Memory in MiB.
    pub memory: i64,
    /// Percent that may be promised beyond `memory`; -1 means unchecked.
    pub memory_overallocate: i64,
    /// Disk in MiB.
    pub disk: i64,
    /// Percent that may be promised beyond `disk`; -1 means unchecked.
    pub disk_overallocate: i64,
    /// Largest upload in MiB.
    pub upload_size: i64,
    /// The daemon's HTTP port.
    pub daemon_listen: u16,
    /// The daemon's SFTP port.
    pub daemon_sftp: u16,
    /// Directory that holds the servers' files.
    pub daemon_base: String,
    /// Creation of the row.
    #[serde(with = "super::time::seconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "super::time::seconds")]
    pub updated_at: DateTime<Utc>,
    /// How the node's daemon answers the panel; never part of an answer.
    #[serde(skip)]
    pub daemon: Daemon,
}

/// How a node's daemon (Wings) behaves when the panel asks it for a server's use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Daemon {
    /// Answers with statistics.
    #[default]
    Running,
    /// Refuses the connection: 504 at once.
    Unreachable,
    /// Keeps silent: 504 after this long (15 s on a real panel).
    Hanging(Duration),
    /// Answers with this HTTP status, which the panel turns into a 504.
    Failing(u16),
    /// Answers with something that is not JSON: 500.
    Garbage,
}

/// An address and port of a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Allocation {
    /// Row number.
    pub id: Id,
    /// IPv4 or IPv6 address.
    pub ip: String,
    /// Name to show instead of the address.
    pub alias: Option<String>,
    /// Port.
    pub port: u16,
    /// Notes, if any.
    pub notes: Option<String>,
    /// The node it belongs to; never part of its answer.
    #[serde(skip)]
    pub node_id: Id,
    /// The server that uses it; its answer shows only whether there is one.
    #[serde(skip)]
    pub server_id: Option<Id>,
}

/// A group of eggs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Nest {
    /// Row number.
    pub id: Id,
    /// Identity.
    pub uuid: Uuid,
    /// E-mail address of the author.
    pub author: String,
    /// Display name.
    pub name: String,
    /// Description, if any.
    pub description: Option<String>,
    /// Creation of the row.
    #[serde(with = "super::time::seconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "super::time::seconds")]
    pub updated_at: DateTime<Utc>,
}

/// A kind of server: image, start command, configuration, installation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Egg {
    /// Row number.
    pub id: Id,
    /// Identity.
    pub uuid: Uuid,
    /// Display name.
    pub name: String,
    /// The nest it belongs to.
    pub nest: Id,
    /// E-mail address of the author.
    pub author: String,
    /// Description, if any.
    pub description: Option<String>,
    /// The first of `docker_images`, or empty.
    pub docker_image: String,
    /// JSON object of label to image, or `[]` when empty.
    pub docker_images: Box<RawValue>,
    /// Configuration for the daemon.
    pub config: EggConfig,
    /// Start command with `{{VARIABLE}}` in it.
    pub startup: String,
    /// Installation script.
    pub script: EggScript,
    /// Creation of the row.
    #[serde(with = "super::time::seconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "super::time::seconds")]
    pub updated_at: DateTime<Utc>,
    /// Features that only the Client API shows.
    #[serde(skip)]
    pub features: Vec<String>,
}

/// An egg's configuration; the raw values keep PHP's habit of `[]` for an empty object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EggConfig {
    /// Configuration files to edit: always an object.
    pub files: Box<RawValue>,
    /// How a start is recognised: an object, or `[]` when empty.
    pub startup: Box<RawValue>,
    /// Stop command or signal.
    pub stop: Option<String>,
    /// Where logs are: an object, or `[]` when empty.
    pub logs: Box<RawValue>,
    /// Files that users may not touch: an array or null.
    pub file_denylist: Box<RawValue>,
    /// The egg whose configuration is taken over.
    pub extends: Option<Id>,
}

/// An egg's installation script.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EggScript {
    /// Whether the installation container runs privileged.
    pub privileged: bool,
    /// The script; holds CRLF.
    pub install: Option<String>,
    /// Shell that runs it.
    pub entry: String,
    /// Image it runs in.
    pub container: String,
    /// The egg whose script is taken over.
    pub extends: Option<Id>,
}

/// A variable of an egg.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EggVariable {
    /// Row number.
    pub id: Id,
    /// The egg it belongs to.
    pub egg_id: Id,
    /// Display name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Name in the environment.
    pub env_variable: String,
    /// Value where a server has none.
    pub default_value: String,
    /// Whether users see it.
    pub user_viewable: bool,
    /// Whether users may change it.
    pub user_editable: bool,
    /// Laravel validation rules.
    pub rules: String,
    /// Creation of the row.
    #[serde(with = "super::time::microseconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "super::time::microseconds")]
    pub updated_at: DateTime<Utc>,
}

/// A user of the panel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// Row number.
    pub id: Id,
    /// Identifier of another system; not guaranteed unique.
    pub external_id: Option<String>,
    /// Identity.
    pub uuid: Uuid,
    /// Lower-cased login name.
    pub username: String,
    /// E-mail address, case kept.
    pub email: String,
    /// First name, if any.
    pub first_name: Option<String>,
    /// Last name, if any.
    pub last_name: Option<String>,
    /// Language code.
    pub language: String,
    /// Whether the user administers the panel.
    pub root_admin: bool,
    /// Whether a second factor is on.
    #[serde(rename = "2fa")]
    pub two_factor: bool,
    /// Creation of the row.
    #[serde(with = "super::time::seconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "super::time::seconds")]
    pub updated_at: DateTime<Utc>,
}

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
    #[serde(with = "super::time::seconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "super::time::seconds")]
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

//! The rows of a panel's database, as plain data. What an answer shows of them is `render`'s business.
//!
//! Names and meanings are the panel's own; ids are its auto-increment integers.

mod nest;
mod server;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use nest::{Egg, EggConfig, EggScript, EggVariable, Nest};
pub use server::{Database, DatabaseHost, FeatureLimits, Limits, Server, Subuser};

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
    #[serde(with = "crate::panel::time::seconds")]
    pub updated_at: DateTime<Utc>,
    /// Creation of the row.
    #[serde(with = "crate::panel::time::seconds")]
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
    #[serde(with = "crate::panel::time::seconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "crate::panel::time::seconds")]
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
    #[serde(with = "crate::panel::time::seconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "crate::panel::time::seconds")]
    pub updated_at: DateTime<Utc>,
}

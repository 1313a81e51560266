//! What servers are made of: places, templates, people.

use chrono::{DateTime, Utc};
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

//! What the Client API says of a single server.

use common::types::panel::ServerResources;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::decode::{Fault, record};
use super::relation::Many;

/// Reads `…/resources`.
pub(in super::super) fn resources(raw: &str) -> Result<ServerResources, Fault> {
    let it: StatsDto = record(raw, &["stats"])?;
    Ok(ServerResources {
        current_state: it.current_state,
        is_suspended: it.is_suspended,
        memory_bytes: it.resources.memory_bytes,
        cpu_absolute: it.resources.cpu_absolute,
        disk_bytes: it.resources.disk_bytes,
        network_rx_bytes: it.resources.network_rx_bytes,
        network_tx_bytes: it.resources.network_tx_bytes,
        uptime: it.resources.uptime,
    })
}

#[derive(Deserialize)]
struct StatsDto {
    current_state: String,
    #[serde(deserialize_with = "super::lenient::truth")]
    is_suspended: bool,
    resources: ResourcesDto,
}

#[derive(Deserialize)]
struct ResourcesDto {
    #[serde(deserialize_with = "super::lenient::number")]
    memory_bytes: i64,
    cpu_absolute: f64,
    #[serde(deserialize_with = "super::lenient::number")]
    disk_bytes: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    network_rx_bytes: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    network_tx_bytes: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    uptime: i64,
}

/// A server as the Client API tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerDetail {
    /// The server's uuid.
    pub uuid: Uuid,
    /// Its id in the Application API.
    pub internal_id: i64,
    /// Name of its node.
    pub node: String,
    /// The start command with its placeholders filled in; variables that a
    /// customer may not see appear as `[hidden]`.
    pub invocation: String,
    /// Verbatim; null: nothing special.
    pub status: Option<String>,
    /// Whether it is suspended.
    pub is_suspended: bool,
    /// Whether it is being installed.
    pub is_installing: bool,
    /// Whether it is moving to another node.
    pub is_transferring: bool,
    /// Whether its node is in maintenance.
    pub is_node_under_maintenance: bool,
    /// Its addresses; null: the key may not see them.
    pub allocations: Option<Vec<LiveAllocation>>,
    /// The variables that a customer may see; null: the key may not see them.
    pub variables: Option<Vec<LiveVariable>>,
    /// Others with access; null: the key may not see them.
    pub subusers: Option<Vec<LiveSubuser>>,
}

/// An address of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveAllocation {
    /// The panel's id.
    pub id: i64,
    /// IPv4 or IPv6 address.
    pub ip: String,
    /// Host name shown instead of the address.
    pub ip_alias: Option<String>,
    /// Port, 0 to 65535.
    pub port: u16,
    /// Notes of the owner.
    pub notes: Option<String>,
    /// Whether it is the primary one.
    pub is_default: bool,
}

/// A variable that a customer may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveVariable {
    /// Name.
    pub name: String,
    /// Name in the server's environment.
    pub env_variable: String,
    /// Value of servers that set none.
    pub default_value: Option<String>,
    /// Null: the default applies. Empty: explicitly empty.
    pub server_value: Option<String>,
    /// Whether the customer may change it.
    pub is_editable: bool,
    /// Laravel validation rules, verbatim.
    pub rules: Option<String>,
}

/// Another user with access; the Client API gives no numeric id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSubuser {
    /// The user's uuid.
    pub uuid: Uuid,
    /// Login name.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// Permissions verbatim.
    pub permissions: Vec<String>,
}

/// Reads a server.
pub(in super::super) fn detail(raw: &str) -> Result<ServerDetail, Fault> {
    let it: DetailDto = record(raw, &["server"])?;
    let relations = it.relationships;
    Ok(ServerDetail {
        uuid: it.uuid,
        internal_id: it.internal_id,
        node: it.node,
        invocation: it.invocation,
        status: it.status,
        is_suspended: it.is_suspended,
        is_installing: it.is_installing,
        is_transferring: it.is_transferring,
        is_node_under_maintenance: it.is_node_under_maintenance,
        allocations: visible("allocations", relations.allocations)?,
        variables: visible("variables", relations.variables)?,
        subusers: visible("subusers", relations.subusers)?,
    })
}

fn visible<A>(name: &str, relation: Option<Many<A>>) -> Result<Option<Vec<A>>, Fault> {
    Ok(match relation {
        Some(relation) => match relation.included(name)? {
            common::types::panel::Included::Listed(items) => Some(items),
            _ => None,
        },
        None => None,
    })
}

#[derive(Deserialize)]
struct DetailDto {
    uuid: Uuid,
    #[serde(deserialize_with = "super::lenient::number")]
    internal_id: i64,
    node: String,
    #[serde(deserialize_with = "super::lenient::text")]
    invocation: String,
    status: Option<String>,
    #[serde(deserialize_with = "super::lenient::truth")]
    is_suspended: bool,
    #[serde(deserialize_with = "super::lenient::truth")]
    is_installing: bool,
    #[serde(deserialize_with = "super::lenient::truth")]
    is_transferring: bool,
    #[serde(deserialize_with = "super::lenient::truth")]
    is_node_under_maintenance: bool,
    #[serde(default)]
    relationships: Relations,
}

#[derive(Default, Deserialize)]
struct Relations {
    allocations: Option<Many<LiveAllocation>>,
    variables: Option<Many<LiveVariable>>,
    subusers: Option<Many<LiveSubuser>>,
}

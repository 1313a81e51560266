//! The attributes that the panel shows of its rows: borrowed views that serialise straight from the state.

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use serde::{Serialize, Serializer, ser::SerializeMap};
use uuid::Uuid;

use super::{
    rows::{
        Allocation, Database, DatabaseHost, Egg, EggVariable, FeatureLimits, Id, Limits, Location,
        Nest, Node, Server, Subuser, User,
    },
    state::State,
};

/// The attributes of every type of the Application API and the Client API.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Attributes<'a> {
    /// A location.
    Location(&'a Location),
    /// A node.
    Node(NodeView<'a>),
    /// An allocation.
    Allocation(AllocationView<'a>),
    /// A nest.
    Nest(&'a Nest),
    /// An egg.
    Egg(&'a Egg),
    /// An egg's variable.
    EggVariable(&'a EggVariable),
    /// An egg's variable with a server's value.
    ServerVariable(ServerVariableView<'a>),
    /// A user.
    User(&'a User),
    /// A server.
    Server(Box<ServerView<'a>>),
    /// A subuser.
    Subuser(&'a Subuser),
    /// A database.
    Database(DatabaseView<'a>),
    /// A database host.
    DatabaseHost(DatabaseHostView<'a>),
    /// A database's password.
    Password {
        /// In plain text.
        password: &'a str,
    },
    /// What only the Client API shows.
    Client(Box<super::client_view::ClientAttributes<'a>>),
    /// A row that a fault has spoiled.
    Spoiled(serde_json::Map<String, serde_json::Value>),
}

/// A node and what its servers are promised.
#[derive(Serialize)]
pub struct NodeView<'a> {
    #[serde(flatten)]
    row: &'a Node,
    allocated_resources: Promised,
}

#[derive(Serialize)]
struct Promised {
    memory: i64,
    disk: i64,
}

impl<'a> NodeView<'a> {
    /// A node of which this much memory and disk is promised, in MiB.
    pub fn new(row: &'a Node, (memory, disk): (i64, i64)) -> Self {
        Self {
            row,
            allocated_resources: Promised { memory, disk },
        }
    }
}

/// An allocation, which says whether a server uses it but not which.
#[derive(Serialize)]
pub struct AllocationView<'a> {
    #[serde(flatten)]
    row: &'a Allocation,
    assigned: bool,
}

impl<'a> AllocationView<'a> {
    /// A view of the row.
    pub fn new(row: &'a Allocation) -> Self {
        Self {
            row,
            assigned: row.server_id.is_some(),
        }
    }
}

/// A variable with the value a server gives it; null where the default applies.
#[derive(Serialize)]
pub struct ServerVariableView<'a> {
    #[serde(flatten)]
    row: &'a EggVariable,
    server_value: Option<&'a str>,
}

impl<'a> ServerVariableView<'a> {
    /// A variable as one server has it.
    pub fn new(row: &'a EggVariable, server_value: Option<&'a str>) -> Self {
        Self { row, server_value }
    }
}

/// A server.
#[derive(Serialize)]
pub struct ServerView<'a> {
    id: Id,
    external_id: Option<&'a str>,
    uuid: Uuid,
    identifier: String,
    name: &'a str,
    description: &'a str,
    status: Option<&'a str>,
    suspended: bool,
    limits: &'a Limits,
    feature_limits: &'a FeatureLimits,
    user: Id,
    node: Id,
    allocation: Id,
    nest: Id,
    egg: Id,
    container: Container<'a>,
    #[serde(with = "super::time::seconds")]
    updated_at: DateTime<Utc>,
    #[serde(with = "super::time::seconds")]
    created_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Container<'a> {
    startup_command: &'a str,
    image: &'a str,
    installed: u8,
    environment: Environment<'a>,
}

/// The first eight digits of a server's uuid.
pub fn identifier(uuid: Uuid) -> String {
    let mut text = uuid.simple().to_string();
    text.truncate(8);
    text
}

impl<'a> ServerView<'a> {
    /// A view of a server whose egg has these variables.
    pub fn new(state: &'a State, row: &'a Server, variables: &'a [Id]) -> Self {
        let status = row.status.as_deref();
        let installed = !matches!(status, Some("installing" | "install_failed"));
        Self {
            id: row.id,
            external_id: row.external_id.as_deref(),
            uuid: row.uuid,
            identifier: identifier(row.uuid),
            name: &row.name,
            description: &row.description,
            status,
            suspended: status == Some("suspended"),
            limits: &row.limits,
            feature_limits: &row.feature_limits,
            user: row.user,
            node: row.node,
            allocation: row.allocation,
            nest: row.nest,
            egg: row.egg,
            container: Container {
                startup_command: &row.startup,
                image: &row.image,
                installed: u8::from(installed),
                environment: Environment {
                    state,
                    row,
                    variables,
                },
            },
            updated_at: row.updated_at,
            created_at: row.created_at,
        }
    }
}

/// The egg's variables with the server's values or their defaults, and four of the panel's own.
struct Environment<'a> {
    state: &'a State,
    row: &'a Server,
    variables: &'a [Id],
}

impl Serialize for Environment<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            state,
            row,
            variables,
        } = self;
        let mut map = serializer.serialize_map(None)?;
        for variable in variables
            .iter()
            .filter_map(|id| state.egg_variables.get(id))
        {
            let value = state
                .server_variables
                .get(&(row.id, variable.id))
                .unwrap_or(&variable.default_value);
            map.serialize_entry(&variable.env_variable, value)?;
        }
        let location = state
            .nodes
            .get(&row.node)
            .and_then(|node| state.locations.get(&node.location_id));
        map.serialize_entry("STARTUP", &row.startup)?;
        map.serialize_entry(
            "P_SERVER_LOCATION",
            &location.map(|location| location.short.as_str()),
        )?;
        map.serialize_entry("P_SERVER_UUID", &row.uuid)?;
        map.serialize_entry("P_SERVER_ALLOCATION_LIMIT", &row.feature_limits.allocations)?;
        map.end()
    }
}

/// An instant in the panel's own time zone.
struct Local(DateTime<FixedOffset>);

impl Local {
    fn new(state: &State, at: DateTime<Utc>) -> Self {
        let offset = FixedOffset::east_opt(state.utc_offset_minutes * 60);
        Self(offset.map_or_else(|| at.fixed_offset(), |offset| at.with_timezone(&offset)))
    }
}

impl Serialize for Local {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Secs, false))
    }
}

/// A database.
#[derive(Serialize)]
pub struct DatabaseView<'a> {
    id: Id,
    server: Id,
    host: Id,
    database: &'a str,
    username: &'a str,
    remote: &'a str,
    max_connections: Option<u32>,
    created_at: Local,
    updated_at: Local,
}

impl<'a> DatabaseView<'a> {
    /// A view of the row.
    pub fn new(state: &'a State, row: &'a Database) -> Self {
        Self {
            id: row.id,
            server: row.server,
            host: row.host,
            database: &row.database,
            username: &row.username,
            remote: &row.remote,
            max_connections: row.max_connections,
            created_at: Local::new(state, row.created_at),
            updated_at: Local::new(state, row.updated_at),
        }
    }
}

/// A database host.
#[derive(Serialize)]
pub struct DatabaseHostView<'a> {
    id: Id,
    name: &'a str,
    host: &'a str,
    port: u16,
    username: &'a str,
    node: Option<Id>,
    created_at: Local,
    updated_at: Local,
}

impl<'a> DatabaseHostView<'a> {
    /// A view of the row.
    pub fn new(state: &'a State, row: &'a DatabaseHost) -> Self {
        Self {
            id: row.id,
            name: &row.name,
            host: &row.host,
            port: row.port,
            username: &row.username,
            node: row.node,
            created_at: Local::new(state, row.created_at),
            updated_at: Local::new(state, row.updated_at),
        }
    }
}

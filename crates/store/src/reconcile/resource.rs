//! What can be missing, and where it is looked for.

use common::types::sync::Kind;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Uuid as SqlUuid};
use uuid::Uuid;

/// Something that can be missing from the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants are the mirrored tables")]
pub enum Resource {
    ServerVariable,
    Subuser,
    Database,
    Allocation,
    Server,
    EggVariable,
    Egg,
    Nest,
    Node,
    Location,
    User,
}

impl Resource {
    /// Children before their parents.
    pub const ALL: [Self; 11] = [
        Self::ServerVariable,
        Self::Subuser,
        Self::Database,
        Self::Allocation,
        Self::Server,
        Self::EggVariable,
        Self::Egg,
        Self::Nest,
        Self::Node,
        Self::Location,
        Self::User,
    ];

    /// The table.
    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Self::ServerVariable => "server_variables",
            Self::Subuser => "server_subusers",
            Self::Database => "server_databases",
            Self::Allocation => "allocations",
            Self::Server => "servers",
            Self::EggVariable => "egg_variables",
            Self::Egg => "eggs",
            Self::Nest => "nests",
            Self::Node => "nodes",
            Self::Location => "locations",
            Self::User => "panel_users",
        }
    }

    /// The kind that lists it.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::ServerVariable | Self::Subuser | Self::Server => Kind::Servers,
            Self::Database => Kind::Databases,
            Self::Allocation => Kind::Allocations,
            Self::EggVariable | Self::Egg | Self::Nest => Kind::Nests,
            Self::Node => Kind::Nodes,
            Self::Location => Kind::Locations,
            Self::User => Kind::Users,
        }
    }

    /// The resource of a table.
    #[must_use]
    pub fn of_table(table: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|resource| resource.table() == table)
    }

    /// What goes with it when it goes: the table, and its column that holds the
    /// parent's own id.
    #[must_use]
    pub fn children(self) -> &'static [(Self, &'static str)] {
        match self {
            Self::Server => &[
                (Self::ServerVariable, "server_id"),
                (Self::Subuser, "server_id"),
                (Self::Database, "server_id"),
            ],
            Self::Node => &[(Self::Allocation, "node_id")],
            Self::Nest => &[(Self::Egg, "nest_id")],
            Self::Egg => &[(Self::EggVariable, "egg_id")],
            _ => &[],
        }
    }
}

/// Where rows are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalScope {
    /// On the whole panel.
    Panel,
    /// On one node (the panel's id of it).
    Node(i64),
}

/// A row that may be gone.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Candidate {
    /// The row's own id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The panel's id of it (of its server for variables).
    #[diesel(sql_type = BigInt)]
    pub remote_id: i64,
    /// Its node for allocations, its nest for eggs, its server for what hangs on one, else 0.
    #[diesel(sql_type = BigInt)]
    pub scope: i64,
    /// Address of an allocation.
    #[diesel(sql_type = Nullable<Text>)]
    pub ip: Option<String>,
    /// Port of an allocation.
    #[diesel(sql_type = Nullable<Integer>)]
    pub port: Option<i32>,
}

impl Candidate {
    /// What the panel has and the mirror does not know yet; without an address.
    #[must_use]
    pub const fn unknown(remote_id: i64, scope: i64) -> Self {
        Self {
            id: Uuid::nil(),
            remote_id,
            scope,
            ip: None,
            port: None,
        }
    }
}

/// How many rows there are to judge a removal by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResourceCounts {
    /// Live rows.
    pub live: u64,
    /// Rows removed within the window.
    pub recent: u64,
}

/// Columns of a [`Candidate`], for each table.
pub(super) fn candidate_columns(resource: Resource) -> String {
    let remote = match resource {
        Resource::ServerVariable => "COALESCE(m.server_remote_id, 0)",
        _ => "COALESCE(m.remote_id, 0)",
    };
    let scope = match resource {
        Resource::Allocation => "m.node_remote_id",
        Resource::ServerVariable => "COALESCE(m.server_remote_id, 0)",
        Resource::Subuser | Resource::Database => "m.server_remote_id",
        Resource::Egg => "m.nest_remote_id",
        Resource::EggVariable => "m.egg_remote_id",
        _ => "0::bigint",
    };
    let (ip, port) = match resource {
        Resource::Allocation => ("m.ip", "m.port"),
        _ => ("NULL::text", "NULL::int"),
    };
    format!("m.id, {remote} AS remote_id, {scope} AS scope, {ip} AS ip, {port} AS port")
}

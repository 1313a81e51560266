//! Every mirrored table, and how rows of the panel model fill it.

use super::table::{
    Batch, Table, cast, column, id_array_literal, keeping, parent, text_array_literal,
};
use common::types::panel::{
    Allocation, Database, DatabaseHost, Egg, EggVariable, Location, Nest, Node, PanelUser, Server,
    ServerVariable, Subuser,
};

pub(crate) static LOCATIONS: Table = Table {
    name: "locations",
    key: &["remote_id"],
    columns: &[
        column("remote_id", "bigint"),
        column("short", "text"),
        column("long", "text"),
        column("remote_created_at", "timestamptz"),
        column("remote_updated_at", "timestamptz"),
    ],
    parents: &[],
    has_uuid: false,
};

pub(crate) fn locations(rows: &[Location]) -> Batch<'_> {
    Batch::new(&LOCATIONS, rows.len())
        .int8(rows.iter().map(|row| row.id))
        .text(rows.iter().map(|row| row.short.as_str()))
        .nullable_text(rows.iter().map(|row| row.long.as_deref()))
        .time(rows.iter().map(|row| row.created_at))
        .time(rows.iter().map(|row| row.updated_at))
}

pub(crate) static NODES: Table = Table {
    name: "nodes",
    key: &["remote_id"],
    columns: &[
        column("remote_id", "bigint"),
        column("uuid", "uuid"),
        column("name", "text"),
        column("description", "text"),
        column("location_remote_id", "bigint"),
        column("fqdn", "text"),
        column("scheme", "text"),
        column("behind_proxy", "bool"),
        column("public", "bool"),
        column("maintenance_mode", "bool"),
        column("memory", "bigint"),
        column("memory_overallocate", "bigint"),
        column("disk", "bigint"),
        column("disk_overallocate", "bigint"),
        column("upload_size", "bigint"),
        column("daemon_listen", "int"),
        column("daemon_sftp", "int"),
        column("daemon_base", "text"),
        column("remote_created_at", "timestamptz"),
        column("remote_updated_at", "timestamptz"),
    ],
    parents: &[parent("location_id", "location_remote_id", "locations")],
    has_uuid: true,
};

pub(crate) fn nodes(rows: &[Node]) -> Batch<'_> {
    Batch::new(&NODES, rows.len())
        .int8(rows.iter().map(|row| row.id))
        .uuid(rows.iter().map(|row| row.uuid))
        .text(rows.iter().map(|row| row.name.as_str()))
        .nullable_text(rows.iter().map(|row| row.description.as_deref()))
        .int8(rows.iter().map(|row| row.location))
        .text(rows.iter().map(|row| row.fqdn.as_str()))
        .text(rows.iter().map(|row| row.scheme.as_str()))
        .bool(rows.iter().map(|row| row.behind_proxy))
        .bool(rows.iter().map(|row| row.public))
        .bool(rows.iter().map(|row| row.maintenance_mode))
        .int8(rows.iter().map(|row| row.memory))
        .int8(rows.iter().map(|row| row.memory_overallocate))
        .int8(rows.iter().map(|row| row.disk))
        .int8(rows.iter().map(|row| row.disk_overallocate))
        .int8(rows.iter().map(|row| row.upload_size))
        .int4(rows.iter().map(|row| row.daemon_listen))
        .int4(rows.iter().map(|row| row.daemon_sftp))
        .text(rows.iter().map(|row| row.daemon_base.as_str()))
        .time(rows.iter().map(|row| row.created_at))
        .time(rows.iter().map(|row| row.updated_at))
}

pub(crate) static NESTS: Table = Table {
    name: "nests",
    key: &["remote_id"],
    columns: &[
        column("remote_id", "bigint"),
        column("uuid", "uuid"),
        column("author", "text"),
        column("name", "text"),
        column("description", "text"),
        column("remote_created_at", "timestamptz"),
        column("remote_updated_at", "timestamptz"),
    ],
    parents: &[],
    has_uuid: true,
};

pub(crate) fn nests(rows: &[Nest]) -> Batch<'_> {
    Batch::new(&NESTS, rows.len())
        .int8(rows.iter().map(|row| row.id))
        .uuid(rows.iter().map(|row| row.uuid))
        .text(rows.iter().map(|row| row.author.as_str()))
        .text(rows.iter().map(|row| row.name.as_str()))
        .nullable_text(rows.iter().map(|row| row.description.as_deref()))
        .time(rows.iter().map(|row| row.created_at))
        .time(rows.iter().map(|row| row.updated_at))
}

pub(crate) static EGGS: Table = Table {
    name: "eggs",
    key: &["remote_id"],
    columns: &[
        column("remote_id", "bigint"),
        column("uuid", "uuid"),
        column("nest_remote_id", "bigint"),
        column("author", "text"),
        column("name", "text"),
        column("description", "text"),
        column("docker_image", "text"),
        cast("docker_images", "jsonb"),
        column("startup", "text"),
        column("remote_created_at", "timestamptz"),
        column("remote_updated_at", "timestamptz"),
    ],
    parents: &[parent("nest_id", "nest_remote_id", "nests")],
    has_uuid: true,
};

pub(crate) fn eggs<'a>(rows: &[&'a Egg]) -> Batch<'a> {
    Batch::new(&EGGS, rows.len())
        .int8(rows.iter().map(|row| row.id))
        .uuid(rows.iter().map(|row| row.uuid))
        .int8(rows.iter().map(|row| row.nest))
        .text(rows.iter().map(|row| row.author.as_str()))
        .text(rows.iter().map(|row| row.name.as_str()))
        .nullable_text(rows.iter().map(|row| row.description.as_deref()))
        .text(rows.iter().map(|row| row.docker_image.as_str()))
        .owned(rows.iter().map(|row| Some(serde_json::json!(row.docker_images).to_string())))
        .nullable_text(rows.iter().map(|row| row.startup.as_deref()))
        .time(rows.iter().map(|row| row.created_at))
        .time(rows.iter().map(|row| row.updated_at))
}

pub(crate) static EGG_VARIABLES: Table = Table {
    name: "egg_variables",
    key: &["remote_id"],
    columns: &[
        column("remote_id", "bigint"),
        column("egg_remote_id", "bigint"),
        column("name", "text"),
        column("description", "text"),
        column("env_variable", "text"),
        column("default_value", "text"),
        column("user_viewable", "bool"),
        column("user_editable", "bool"),
        column("rules", "text"),
        column("remote_created_at", "timestamptz"),
        column("remote_updated_at", "timestamptz"),
    ],
    parents: &[parent("egg_id", "egg_remote_id", "eggs")],
    has_uuid: false,
};

pub(crate) fn egg_variables<'a>(rows: &[&'a EggVariable]) -> Batch<'a> {
    Batch::new(&EGG_VARIABLES, rows.len())
        .int8(rows.iter().map(|row| row.id))
        .int8(rows.iter().map(|row| row.egg))
        .text(rows.iter().map(|row| row.name.as_str()))
        .text(rows.iter().map(|row| row.description.as_str()))
        .text(rows.iter().map(|row| row.env_variable.as_str()))
        .text(rows.iter().map(|row| row.default_value.as_str()))
        .bool(rows.iter().map(|row| row.user_viewable))
        .bool(rows.iter().map(|row| row.user_editable))
        .text(rows.iter().map(|row| row.rules.as_str()))
        .time(rows.iter().map(|row| row.created_at))
        .time(rows.iter().map(|row| row.updated_at))
}

pub(crate) static PANEL_USERS: Table = Table {
    name: "panel_users",
    key: &["remote_id"],
    columns: &[
        column("remote_id", "bigint"),
        column("uuid", "uuid"),
        column("external_id", "text"),
        column("username", "text"),
        column("email", "text"),
        column("first_name", "text"),
        column("last_name", "text"),
        column("language", "text"),
        column("root_admin", "bool"),
        column("two_factor", "bool"),
        column("remote_created_at", "timestamptz"),
        column("remote_updated_at", "timestamptz"),
    ],
    parents: &[],
    has_uuid: true,
};

pub(crate) fn panel_users(rows: &[PanelUser]) -> Batch<'_> {
    Batch::new(&PANEL_USERS, rows.len())
        .int8(rows.iter().map(|row| row.id))
        .uuid(rows.iter().map(|row| row.uuid))
        .nullable_text(rows.iter().map(|row| row.external_id.as_deref()))
        .text(rows.iter().map(|row| row.username.as_str()))
        .text(rows.iter().map(|row| row.email.as_str()))
        .nullable_text(rows.iter().map(|row| row.first_name.as_deref()))
        .nullable_text(rows.iter().map(|row| row.last_name.as_deref()))
        .text(rows.iter().map(|row| row.language.as_str()))
        .bool(rows.iter().map(|row| row.root_admin))
        .bool(rows.iter().map(|row| row.two_factor))
        .time(rows.iter().map(|row| row.created_at))
        .time(rows.iter().map(|row| row.updated_at))
}

pub(crate) static ALLOCATIONS: Table = Table {
    name: "allocations",
    key: &["remote_id"],
    columns: &[
        column("remote_id", "bigint"),
        column("node_remote_id", "bigint"),
        column("ip", "text"),
        column("port", "int"),
        column("alias", "text"),
        column("notes", "text"),
        column("assigned", "bool"),
    ],
    parents: &[parent("node_id", "node_remote_id", "nodes")],
    has_uuid: false,
};

pub(crate) fn allocations(node: i64, rows: &[Allocation]) -> Batch<'_> {
    Batch::new(&ALLOCATIONS, rows.len())
        .int8(rows.iter().map(|row| row.id))
        .int8(rows.iter().map(|_| node))
        .text(rows.iter().map(|row| row.ip.as_str()))
        .int4(rows.iter().map(|row| row.port))
        .nullable_text(rows.iter().map(|row| row.alias.as_deref()))
        .nullable_text(rows.iter().map(|row| row.notes.as_deref()))
        .bool(rows.iter().map(|row| row.assigned))
}

pub(crate) static SERVERS: Table = Table {
    name: "servers",
    key: &["remote_id"],
    columns: &[
        column("remote_id", "bigint"),
        column("uuid", "uuid"),
        column("identifier", "text"),
        column("external_id", "text"),
        column("name", "text"),
        column("description", "text"),
        column("status", "text"),
        column("suspended", "bool"),
        column("memory", "bigint"),
        column("swap", "bigint"),
        column("disk", "bigint"),
        column("io", "bigint"),
        column("cpu", "bigint"),
        column("threads", "text"),
        column("oom_disabled", "bool"),
        column("database_limit", "bigint"),
        column("allocation_limit", "bigint"),
        column("backup_limit", "bigint"),
        column("owner_remote_id", "bigint"),
        column("node_remote_id", "bigint"),
        column("nest_remote_id", "bigint"),
        column("egg_remote_id", "bigint"),
        column("allocation_remote_id", "bigint"),
        keeping("allocation_remote_ids", "bigint[]"),
        column("startup_command", "text"),
        column("image", "text"),
        column("installed", "bool"),
        column("remote_created_at", "timestamptz"),
        column("remote_updated_at", "timestamptz"),
    ],
    parents: &[
        parent("owner_id", "owner_remote_id", "panel_users"),
        parent("node_id", "node_remote_id", "nodes"),
        parent("nest_id", "nest_remote_id", "nests"),
        parent("egg_id", "egg_remote_id", "eggs"),
    ],
    has_uuid: true,
};

pub(crate) fn servers(rows: &[Server]) -> Batch<'_> {
    Batch::new(&SERVERS, rows.len())
        .int8(rows.iter().map(|row| row.id))
        .uuid(rows.iter().map(|row| row.uuid))
        .text(rows.iter().map(|row| row.identifier.as_str()))
        .nullable_text(rows.iter().map(|row| row.external_id.as_deref()))
        .text(rows.iter().map(|row| row.name.as_str()))
        .text(rows.iter().map(|row| row.description.as_str()))
        .nullable_text(rows.iter().map(|row| row.status.as_deref()))
        .bool(rows.iter().map(|row| row.suspended))
        .int8(rows.iter().map(|row| row.memory))
        .int8(rows.iter().map(|row| row.swap))
        .int8(rows.iter().map(|row| row.disk))
        .int8(rows.iter().map(|row| row.io))
        .int8(rows.iter().map(|row| row.cpu))
        .nullable_text(rows.iter().map(|row| row.threads.as_deref()))
        .bool(rows.iter().map(|row| row.oom_disabled))
        .nullable_int8(rows.iter().map(|row| row.database_limit))
        .nullable_int8(rows.iter().map(|row| row.allocation_limit))
        .int8(rows.iter().map(|row| row.backup_limit))
        .int8(rows.iter().map(|row| row.user))
        .int8(rows.iter().map(|row| row.node))
        .int8(rows.iter().map(|row| row.nest))
        .int8(rows.iter().map(|row| row.egg))
        .nullable_int8(rows.iter().map(|row| row.allocation))
        .owned(rows.iter().map(|row| row.allocations.listed().map(|ids| id_array_literal(ids))))
        .text(rows.iter().map(|row| row.startup_command.as_str()))
        .text(rows.iter().map(|row| row.image.as_str()))
        .bool(rows.iter().map(|row| row.installed))
        .time(rows.iter().map(|row| row.created_at))
        .time(rows.iter().map(|row| row.updated_at))
}

pub(crate) static SERVER_VARIABLES: Table = Table {
    name: "server_variables",
    key: &["server_remote_id", "egg_variable_remote_id"],
    columns: &[
        column("server_remote_id", "bigint"),
        column("egg_variable_remote_id", "bigint"),
        column("server_value", "text"),
    ],
    parents: &[
        parent("server_id", "server_remote_id", "servers"),
        parent("egg_variable_id", "egg_variable_remote_id", "egg_variables"),
    ],
    has_uuid: false,
};

pub(crate) fn server_variables<'a>(rows: &[(i64, &'a ServerVariable)]) -> Batch<'a> {
    Batch::new(&SERVER_VARIABLES, rows.len())
        .int8(rows.iter().map(|(server, _)| *server))
        .int8(rows.iter().map(|(_, row)| row.egg_variable))
        .nullable_text(rows.iter().map(|(_, row)| row.server_value.as_deref()))
}

pub(crate) static SERVER_SUBUSERS: Table = Table {
    name: "server_subusers",
    key: &["remote_id"],
    columns: &[
        column("remote_id", "bigint"),
        column("server_remote_id", "bigint"),
        column("user_remote_id", "bigint"),
        cast("permissions", "text[]"),
        column("remote_created_at", "timestamptz"),
        column("remote_updated_at", "timestamptz"),
    ],
    parents: &[
        parent("server_id", "server_remote_id", "servers"),
        parent("user_id", "user_remote_id", "panel_users"),
    ],
    has_uuid: false,
};

pub(crate) fn server_subusers<'a>(rows: &[&'a Subuser]) -> Batch<'a> {
    Batch::new(&SERVER_SUBUSERS, rows.len())
        .int8(rows.iter().map(|row| row.id))
        .int8(rows.iter().map(|row| row.server))
        .int8(rows.iter().map(|row| row.user))
        .owned(rows.iter().map(|row| Some(text_array_literal(&row.permissions))))
        .time(rows.iter().map(|row| row.created_at))
        .time(rows.iter().map(|row| row.updated_at))
}

pub(crate) static DATABASE_HOSTS: Table = Table {
    name: "database_hosts",
    key: &["remote_id"],
    columns: &[
        column("remote_id", "bigint"),
        column("name", "text"),
        column("host", "text"),
        column("port", "int"),
        column("username", "text"),
        column("node_remote_id", "bigint"),
        column("remote_created_at", "timestamptz"),
        column("remote_updated_at", "timestamptz"),
    ],
    parents: &[parent("node_id", "node_remote_id", "nodes")],
    has_uuid: false,
};

pub(crate) fn database_hosts<'a>(rows: &[&'a DatabaseHost]) -> Batch<'a> {
    Batch::new(&DATABASE_HOSTS, rows.len())
        .int8(rows.iter().map(|row| row.id))
        .text(rows.iter().map(|row| row.name.as_str()))
        .text(rows.iter().map(|row| row.host.as_str()))
        .int4(rows.iter().map(|row| row.port))
        .text(rows.iter().map(|row| row.username.as_str()))
        .nullable_int8(rows.iter().map(|row| row.node))
        .time(rows.iter().map(|row| row.created_at))
        .time(rows.iter().map(|row| row.updated_at))
}

pub(crate) static SERVER_DATABASES: Table = Table {
    name: "server_databases",
    key: &["remote_id"],
    columns: &[
        column("remote_id", "bigint"),
        column("server_remote_id", "bigint"),
        column("host_remote_id", "bigint"),
        column("database", "text"),
        column("username", "text"),
        column("remote", "text"),
        column("max_connections", "bigint"),
        column("remote_created_at", "timestamptz"),
        column("remote_updated_at", "timestamptz"),
    ],
    parents: &[
        parent("server_id", "server_remote_id", "servers"),
        parent("host_id", "host_remote_id", "database_hosts"),
    ],
    has_uuid: false,
};

pub(crate) fn server_databases<'a>(rows: &[&'a Database]) -> Batch<'a> {
    Batch::new(&SERVER_DATABASES, rows.len())
        .int8(rows.iter().map(|row| row.id))
        .int8(rows.iter().map(|row| row.server))
        .int8(rows.iter().map(|row| row.host))
        .text(rows.iter().map(|row| row.database.as_str()))
        .text(rows.iter().map(|row| row.username.as_str()))
        .text(rows.iter().map(|row| row.remote.as_str()))
        .nullable_int8(rows.iter().map(|row| row.max_connections))
        .time(rows.iter().map(|row| row.created_at))
        .time(rows.iter().map(|row| row.updated_at))
}

/// Tables in an order in which parents come before children.
pub(crate) static ALL: [&Table; 12] = [
    &LOCATIONS,
    &NODES,
    &NESTS,
    &EGGS,
    &EGG_VARIABLES,
    &PANEL_USERS,
    &SERVERS,
    &ALLOCATIONS,
    &SERVER_VARIABLES,
    &SERVER_SUBUSERS,
    &DATABASE_HOSTS,
    &SERVER_DATABASES,
];

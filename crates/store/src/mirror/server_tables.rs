//! Servers and what hangs on them: tables, and how rows of the panel model fill
//! them.

use super::table::{
    Batch, Table, cast, column, id_array_literal, keeping, parent, text_array_literal,
};
use common::types::panel::{Database, DatabaseHost, Server, ServerVariable, Subuser};

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
        .owned(
            rows.iter()
                .map(|row| row.allocations.listed().map(|ids| id_array_literal(ids))),
        )
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
        .owned(
            rows.iter()
                .map(|row| Some(text_array_literal(&row.permissions))),
        )
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

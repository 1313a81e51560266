//! Every mirrored table, and how rows of the panel model fill it. Servers and
//! what hangs on them are in `server_tables`.

pub(crate) use super::server_tables::*;
use super::table::{Batch, Table, cast, column, parent};
use common::types::panel::{Allocation, Egg, EggVariable, Location, Nest, Node, PanelUser};

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
        .owned(
            rows.iter()
                .map(|row| Some(serde_json::json!(row.docker_images).to_string())),
        )
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

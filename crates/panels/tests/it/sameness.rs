//! Whether a row of ours says what a recorded record says, field by field.

use chrono::{DateTime, Utc};
use common::types::panel::{
    Allocation, Included, Location, Nest, Node, PanelUser, Server, ServerIncludes,
};
use serde_json::Value;

pub fn location(row: &Location, value: &Value) {
    assert_eq!(row.id, value["id"].as_i64().unwrap());
    assert_eq!(row.short, value["short"]);
    text(row.long.as_deref(), &value["long"]);
    time(row.created_at, &value["created_at"]);
    time(row.updated_at, &value["updated_at"]);
}

pub fn node(row: &Node, value: &Value) {
    assert_eq!(row.id, value["id"].as_i64().unwrap());
    assert_eq!(row.uuid.to_string(), value["uuid"].as_str().unwrap());
    assert_eq!(row.location, value["location_id"].as_i64().unwrap());
    assert_eq!(row.maintenance_mode, value["maintenance_mode"]);
    assert_eq!(row.memory_overallocate, value["memory_overallocate"]);
    assert_eq!(row.daemon_base, value["daemon_base"]);
    text(row.description.as_deref(), &value["description"]);
    time(row.updated_at, &value["updated_at"]);
}

pub fn allocation(row: &Allocation, value: &Value) {
    assert_eq!(row.id, value["id"].as_i64().unwrap());
    assert_eq!(row.ip, value["ip"]);
    assert_eq!(row.port, value["port"]);
    assert_eq!(row.assigned, value["assigned"]);
    text(row.alias.as_deref(), &value["alias"]);
    text(row.notes.as_deref(), &value["notes"]);
}

pub fn user(row: &PanelUser, value: &Value) {
    assert_eq!(row.id, value["id"].as_i64().unwrap());
    assert_eq!(row.email, value["email"]);
    assert_eq!(row.root_admin, value["root_admin"]);
    assert_eq!(row.two_factor, value["2fa"]);
    text(row.external_id.as_deref(), &value["external_id"]);
    text(row.first_name.as_deref(), &value["first_name"]);
    text(row.last_name.as_deref(), &value["last_name"]);
    assert_eq!(row.uuid.to_string(), value["uuid"].as_str().unwrap());
    assert_eq!(row.username, value["username"]);
    assert_eq!(row.language, value["language"]);
    time(row.created_at, &value["created_at"]);
}

pub fn nest(row: &Nest, value: &Value) {
    assert_eq!(row.id, value["id"].as_i64().unwrap());
    let eggs = value["relationships"]["eggs"]["data"].as_array().unwrap();
    assert_eq!(row.eggs.len(), eggs.len());
    for (egg, record) in row.eggs.iter().zip(eggs) {
        let value = &record["attributes"];
        assert_eq!(egg.id, value["id"].as_i64().unwrap());
        assert_eq!(egg.nest, row.id);
        assert_eq!(egg.docker_image, value["docker_image"]);
        let images = value["docker_images"].as_object();
        assert_eq!(
            egg.docker_images.len(),
            images.map_or(0, serde_json::Map::len)
        );
        let variables = value["relationships"]["variables"]["data"]
            .as_array()
            .unwrap();
        assert_eq!(egg.variables.len(), variables.len());
        for (variable, record) in egg.variables.iter().zip(variables) {
            let value = &record["attributes"];
            assert_eq!(variable.egg, egg.id);
            assert_eq!(variable.rules, value["rules"]);
            assert_eq!(variable.default_value, value["default_value"]);
            time(variable.created_at, &value["created_at"]);
        }
    }
}

/// What of our four relations a recorded server brought along.
pub fn relations(attributes: &Value) -> ServerIncludes {
    let has = |name: &str| attributes["relationships"].get(name).is_some();
    ServerIncludes {
        allocations: has("allocations"),
        variables: has("variables"),
        subusers: has("subusers"),
        databases: has("databases"),
    }
}

pub fn server(row: &Server, value: &Value, include: ServerIncludes) {
    assert_eq!(row.id, value["id"].as_i64().unwrap());
    assert_eq!(row.identifier, value["identifier"]);
    assert_eq!(row.name, value["name"]);
    assert_eq!(row.description, value["description"]);
    assert_eq!(row.uuid.to_string(), value["uuid"].as_str().unwrap());
    assert_eq!(row.suspended, value["suspended"]);
    let limits = &value["limits"];
    assert_eq!(row.memory, limits["memory"]);
    assert_eq!(row.swap, limits["swap"]);
    assert_eq!(row.disk, limits["disk"]);
    assert_eq!(row.io, limits["io"]);
    assert_eq!(row.cpu, limits["cpu"]);
    assert_eq!(row.oom_disabled, limits["oom_disabled"]);
    assert_eq!(row.user, value["user"]);
    assert_eq!(row.node, value["node"]);
    assert_eq!(row.allocation, value["allocation"].as_i64());
    assert_eq!((row.nest, row.egg), {
        let id = |name: &str| value[name].as_i64().unwrap();
        (id("nest"), id("egg"))
    });
    assert_eq!(row.startup_command, value["container"]["startup_command"]);
    assert_eq!(row.image, value["container"]["image"]);
    assert_eq!(
        row.database_limit,
        value["feature_limits"]["databases"].as_i64()
    );
    time(row.updated_at, &value["updated_at"]);
    assert_eq!(row.installed, value["container"]["installed"] == 1);
    assert_eq!(row.backup_limit, value["feature_limits"]["backups"]);
    assert_eq!(
        row.allocation_limit,
        value["feature_limits"]["allocations"].as_i64()
    );
    text(row.status.as_deref(), &value["status"]);
    text(row.external_id.as_deref(), &value["external_id"]);
    text(row.threads.as_deref(), &value["limits"]["threads"]);
    time(row.created_at, &value["created_at"]);
    let related = |name: &str| &value["relationships"][name];
    relation(
        include.allocations,
        &row.allocations,
        related("allocations"),
        |id, value| {
            assert_eq!(*id, value["id"].as_i64().unwrap());
        },
    );
    relation(
        include.variables,
        &row.variables,
        related("variables"),
        |variable, value| {
            assert_eq!(variable.egg_variable, value["id"].as_i64().unwrap());
            text(variable.server_value.as_deref(), &value["server_value"]);
        },
    );
    relation(
        include.subusers,
        &row.subusers,
        related("subusers"),
        |subuser, value| {
            assert_eq!(subuser.user, value["user_id"].as_i64().unwrap());
            assert_eq!(subuser.server, value["server_id"]);
            assert_eq!(serde_json::json!(subuser.permissions), value["permissions"]);
        },
    );
    relation(
        include.databases,
        &row.databases,
        related("databases"),
        |database, value| {
            assert_eq!(database.username, value["username"]);
            assert_eq!(database.max_connections, value["max_connections"].as_i64());
            time(database.created_at, &value["created_at"]);
            let host = value.pointer("/relationships/host/attributes/id");
            assert_eq!(
                database.database_host.as_ref().map(|host| host.id),
                host.and_then(Value::as_i64)
            );
        },
    );
}

fn relation<T>(
    asked: bool,
    included: &Included<Vec<T>>,
    value: &Value,
    check: impl Fn(&T, &Value),
) {
    match included {
        Included::NotAsked => assert!(!asked),
        Included::Forbidden => assert_eq!(value["object"], "null_resource"),
        Included::Listed(rows) => {
            let records = value["data"].as_array().unwrap();
            assert_eq!(rows.len(), records.len());
            for (row, record) in rows.iter().zip(records) {
                check(row, &record["attributes"]);
            }
        }
    }
}

fn text(ours: Option<&str>, theirs: &Value) {
    assert_eq!(ours, theirs.as_str());
}

fn time(ours: Option<DateTime<Utc>>, theirs: &Value) {
    let theirs = theirs
        .as_str()
        .map(|text| DateTime::parse_from_rfc3339(text).unwrap().to_utc());
    assert_eq!(ours, theirs);
}

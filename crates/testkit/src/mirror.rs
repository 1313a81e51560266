//! Compares a mirror with its panel, row by row: every column that is mirrored,
//! and every link resolved through the rows that it points to.

use serde_json::{Value, json};
use simulators::panel::State;
use std::collections::BTreeMap;
use tokio_postgres::Client;

type Rows = BTreeMap<String, Value>;

/// What differs between the live rows of the mirror's only panel and `state`;
/// empty when they are the same. One line a row.
///
/// # Panics
/// When the database cannot be read.
pub async fn differences(db: &Client, state: &State) -> Vec<String> {
    let mut found = Vec::new();
    for (table, query, wanted) in tables(state) {
        let mut stored = Rows::new();
        for row in db.query(query, &[]).await.expect("the mirror can be read") {
            let values: Value = row.get(0);
            let key = values.get(0).map(ToString::to_string).unwrap_or_default();
            let twice = stored.insert(key.clone(), values);
            assert!(twice.is_none(), "{table} {key} stands in the mirror twice");
        }
        for (key, values) in &wanted {
            match stored.remove(key) {
                None => found.push(format!("{table} {key}: missing")),
                Some(other) if other != *values => {
                    found.push(format!("{table} {key}: is {other}, should be {values}"));
                }
                Some(_) => {}
            }
        }
        found.extend(
            stored
                .keys()
                .map(|key| format!("{table} {key}: not on the panel")),
        );
    }
    found
}

fn rows(values: impl Iterator<Item = Value>) -> Rows {
    values
        .map(|row| (row.get(0).map(ToString::to_string).unwrap_or_default(), row))
        .collect()
}

#[expect(clippy::too_many_lines, reason = "one entry a table")]
fn tables(state: &State) -> Vec<(&'static str, &'static str, Rows)> {
    let time = |at: chrono::DateTime<chrono::Utc>| at.timestamp();
    let claimed: BTreeMap<u32, Vec<u32>> =
        state
            .allocations
            .values()
            .fold(BTreeMap::new(), |mut map, row| {
                if let Some(server) = row.server_id {
                    map.entry(server).or_default().push(row.id);
                }
                map
            });
    vec![
        (
            "locations",
            "SELECT jsonb_build_array(remote_id, short, long, extract(epoch FROM remote_created_at)::bigint, \
             extract(epoch FROM remote_updated_at)::bigint) FROM locations WHERE removed_at IS NULL",
            rows(state.locations.values().map(|row| {
                json!([
                    row.id,
                    row.short,
                    row.long,
                    time(row.created_at),
                    time(row.updated_at)
                ])
            })),
        ),
        (
            "nodes",
            "SELECT jsonb_build_array(c.remote_id, c.uuid, c.name, c.description, p.remote_id, c.fqdn, c.scheme, \
             c.behind_proxy, c.public, c.maintenance_mode, c.memory, c.memory_overallocate, c.disk, \
             c.disk_overallocate, c.upload_size, c.daemon_listen, c.daemon_sftp, c.daemon_base, \
             extract(epoch FROM c.remote_updated_at)::bigint) \
             FROM nodes c LEFT JOIN locations p ON p.id = c.location_id WHERE c.removed_at IS NULL",
            rows(state.nodes.values().map(|row| {
                json!([
                    row.id,
                    row.uuid,
                    row.name,
                    row.description,
                    row.location_id,
                    row.fqdn,
                    row.scheme,
                    row.behind_proxy,
                    row.public,
                    row.maintenance_mode,
                    row.memory,
                    row.memory_overallocate,
                    row.disk,
                    row.disk_overallocate,
                    row.upload_size,
                    row.daemon_listen,
                    row.daemon_sftp,
                    row.daemon_base,
                    time(row.updated_at)
                ])
            })),
        ),
        (
            "allocations",
            "SELECT jsonb_build_array(c.remote_id, n.remote_id, c.ip, c.port, c.alias, c.notes, c.assigned, s.remote_id) \
             FROM allocations c LEFT JOIN nodes n ON n.id = c.node_id LEFT JOIN servers s ON s.id = c.server_id \
             WHERE c.removed_at IS NULL",
            rows(state.allocations.values().map(|row| {
                json!([
                    row.id,
                    row.node_id,
                    row.ip,
                    row.port,
                    row.alias,
                    row.notes,
                    row.server_id.is_some(),
                    row.server_id
                ])
            })),
        ),
        (
            "nests",
            "SELECT jsonb_build_array(remote_id, uuid, author, name, description) FROM nests WHERE removed_at IS NULL",
            rows(
                state
                    .nests
                    .values()
                    .map(|row| json!([row.id, row.uuid, row.author, row.name, row.description])),
            ),
        ),
        (
            "eggs",
            "SELECT jsonb_build_array(c.remote_id, c.uuid, p.remote_id, c.author, c.name, c.description, \
             c.docker_image, c.startup) FROM eggs c LEFT JOIN nests p ON p.id = c.nest_id WHERE c.removed_at IS NULL",
            rows(state.eggs.values().map(|row| {
                json!([
                    row.id,
                    row.uuid,
                    row.nest,
                    row.author,
                    row.name,
                    row.description,
                    row.docker_image,
                    row.startup
                ])
            })),
        ),
        (
            "egg_variables",
            "SELECT jsonb_build_array(c.remote_id, p.remote_id, c.name, c.description, c.env_variable, \
             c.default_value, c.user_viewable, c.user_editable, c.rules) \
             FROM egg_variables c LEFT JOIN eggs p ON p.id = c.egg_id WHERE c.removed_at IS NULL",
            rows(state.egg_variables.values().map(|row| {
                json!([
                    row.id,
                    row.egg_id,
                    row.name,
                    row.description,
                    row.env_variable,
                    row.default_value,
                    row.user_viewable,
                    row.user_editable,
                    row.rules
                ])
            })),
        ),
        (
            "panel_users",
            "SELECT jsonb_build_array(remote_id, uuid, external_id, username, email, first_name, last_name, language, \
             root_admin, two_factor) FROM panel_users WHERE removed_at IS NULL",
            rows(state.users.values().map(|row| {
                json!([
                    row.id,
                    row.uuid,
                    row.external_id,
                    row.username,
                    row.email,
                    row.first_name,
                    row.last_name,
                    row.language,
                    row.root_admin,
                    row.two_factor
                ])
            })),
        ),
        (
            "servers",
            "SELECT jsonb_build_array(c.remote_id, c.uuid, c.identifier, c.external_id, c.name, c.description, \
             c.status, c.memory, c.swap, c.disk, c.io, c.cpu, c.threads, c.oom_disabled, c.database_limit, \
             c.allocation_limit, c.backup_limit, u.remote_id, n.remote_id, ne.remote_id, e.remote_id, \
             c.allocation_remote_id, to_jsonb(c.allocation_remote_ids), c.startup_command, c.image) \
             FROM servers c LEFT JOIN panel_users u ON u.id = c.owner_id LEFT JOIN nodes n ON n.id = c.node_id \
             LEFT JOIN nests ne ON ne.id = c.nest_id LEFT JOIN eggs e ON e.id = c.egg_id WHERE c.removed_at IS NULL",
            rows(state.servers.values().map(|row| {
                let identifier: String = row.uuid.to_string().chars().take(8).collect();
                json!([
                    row.id,
                    row.uuid,
                    identifier,
                    row.external_id,
                    row.name,
                    row.description,
                    row.status,
                    row.limits.memory,
                    row.limits.swap,
                    row.limits.disk,
                    row.limits.io,
                    row.limits.cpu,
                    row.limits.threads,
                    row.limits.oom_disabled,
                    row.feature_limits.databases,
                    row.feature_limits.allocations,
                    row.feature_limits.backups,
                    row.user,
                    row.node,
                    row.nest,
                    row.egg,
                    row.allocation,
                    claimed.get(&row.id).cloned().unwrap_or_default(),
                    row.startup,
                    row.image
                ])
            })),
        ),
        (
            "server_variables",
            "SELECT jsonb_build_array(s.remote_id || '/' || v.remote_id, c.server_value) FROM server_variables c \
             LEFT JOIN servers s ON s.id = c.server_id LEFT JOIN egg_variables v ON v.id = c.egg_variable_id \
             WHERE c.removed_at IS NULL",
            rows(
                state
                    .server_variables
                    .iter()
                    .map(|((server, variable), value)| {
                        json!([format!("{server}/{variable}"), value])
                    }),
            ),
        ),
        (
            "server_subusers",
            "SELECT jsonb_build_array(c.remote_id, s.remote_id, u.remote_id, to_jsonb(c.permissions)) \
             FROM server_subusers c LEFT JOIN servers s ON s.id = c.server_id \
             LEFT JOIN panel_users u ON u.id = c.user_id WHERE c.removed_at IS NULL",
            rows(
                state
                    .subusers
                    .values()
                    .map(|row| json!([row.id, row.server_id, row.user_id, row.permissions])),
            ),
        ),
        (
            "server_databases",
            "SELECT jsonb_build_array(c.remote_id, s.remote_id, h.remote_id, h.host, c.database, c.username, c.remote, \
             c.max_connections, extract(epoch FROM c.remote_created_at)::bigint) FROM server_databases c \
             LEFT JOIN servers s ON s.id = c.server_id LEFT JOIN database_hosts h ON h.id = c.host_id \
             WHERE c.removed_at IS NULL",
            rows(state.databases.values().map(|row| {
                let host = state
                    .database_hosts
                    .get(&row.host)
                    .map(|host| host.host.clone());
                json!([
                    row.id,
                    row.server,
                    row.host,
                    host,
                    row.database,
                    row.username,
                    row.remote,
                    row.max_connections,
                    time(row.created_at)
                ])
            })),
        ),
    ]
}

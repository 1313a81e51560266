//! Servers with their relations. A server is read whole or not at all: one
//! database less would look like a database removed.

use chrono::{DateTime, Utc};
use common::types::panel::{Database, Included, Server, ServerIncludes, ServerVariable, Subuser};
use serde::Deserialize;
use uuid::Uuid;

use super::super::decode::{Fault, Row, record};
use super::database::DatabaseDto;
use super::relation::{Many, included};

/// Reads a server that was asked for with these relations.
pub(in super::super) fn server(raw: &str, include: ServerIncludes) -> Result<Server, Fault> {
    let it: ServerDto = record(raw, &["server"])?;
    let relations = it.relationships;
    Ok(Server {
        id: it.id,
        uuid: it.uuid,
        identifier: it.identifier,
        external_id: it.external_id,
        name: it.name,
        description: it.description,
        status: it.status,
        suspended: it.suspended,
        memory: it.limits.memory,
        swap: it.limits.swap,
        disk: it.limits.disk,
        io: it.limits.io,
        cpu: it.limits.cpu,
        threads: it.limits.threads,
        oom_disabled: it.limits.oom_disabled,
        database_limit: it.feature_limits.databases,
        allocation_limit: it.feature_limits.allocations,
        backup_limit: it.feature_limits.backups,
        user: it.user,
        node: it.node,
        allocation: it.allocation,
        nest: it.nest,
        egg: it.egg,
        startup_command: it.container.startup_command,
        image: it.container.image,
        installed: it.container.installed,
        created_at: it.created_at,
        updated_at: it.updated_at,
        variables: map(
            included(include.variables, "variables", relations.variables)?,
            |it| ServerVariable {
                egg_variable: it.id,
                server_value: it.server_value,
            },
        ),
        allocations: map(
            included(include.allocations, "allocations", relations.allocations)?,
            |it| it.id,
        ),
        subusers: map(
            included(include.subusers, "subusers", relations.subusers)?,
            |it| Subuser {
                id: it.id,
                user: it.user_id,
                server: it.server_id,
                permissions: it.permissions,
                created_at: it.created_at,
                updated_at: it.updated_at,
            },
        ),
        databases: map(
            included(include.databases, "databases", relations.databases)?,
            Database::from,
        ),
    })
}

fn map<A, B>(included: Included<Vec<A>>, convert: impl Fn(A) -> B) -> Included<Vec<B>> {
    match included {
        Included::NotAsked => Included::NotAsked,
        Included::Forbidden => Included::Forbidden,
        Included::Listed(items) => Included::Listed(items.into_iter().map(convert).collect()),
    }
}

#[derive(Deserialize)]
struct ServerDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    #[serde(deserialize_with = "super::lenient::nullable")]
    external_id: Option<String>,
    uuid: Uuid,
    identifier: String,
    name: String,
    #[serde(deserialize_with = "super::lenient::text")]
    description: String,
    status: Option<String>,
    #[serde(deserialize_with = "super::lenient::truth")]
    suspended: bool,
    limits: Limits,
    feature_limits: FeatureLimits,
    #[serde(deserialize_with = "super::lenient::number")]
    user: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    node: i64,
    #[serde(deserialize_with = "super::lenient::optional_number")]
    allocation: Option<i64>,
    #[serde(deserialize_with = "super::lenient::number")]
    nest: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    egg: i64,
    container: Container,
    #[serde(default, deserialize_with = "super::lenient::time")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    updated_at: Option<DateTime<Utc>>,
    #[serde(default)]
    relationships: Relations,
}

#[derive(Deserialize)]
struct Limits {
    #[serde(deserialize_with = "super::lenient::number")]
    memory: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    swap: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    disk: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    io: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    cpu: i64,
    threads: Option<String>,
    #[serde(deserialize_with = "super::lenient::truth")]
    oom_disabled: bool,
}

#[derive(Deserialize)]
struct FeatureLimits {
    #[serde(deserialize_with = "super::lenient::optional_number")]
    databases: Option<i64>,
    #[serde(deserialize_with = "super::lenient::optional_number")]
    allocations: Option<i64>,
    #[serde(deserialize_with = "super::lenient::number")]
    backups: i64,
}

#[derive(Deserialize)]
struct Container {
    startup_command: String,
    image: String,
    #[serde(deserialize_with = "super::lenient::truth")]
    installed: bool,
}

#[derive(Default, Deserialize)]
struct Relations {
    variables: Option<Many<VariableDto>>,
    allocations: Option<Many<AllocationId>>,
    subusers: Option<Many<SubuserDto>>,
    databases: Option<Many<DatabaseDto>>,
}

#[derive(Deserialize)]
struct VariableDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    /// Missing and null differ: null removes a value from the mirror.
    #[serde(deserialize_with = "super::lenient::nullable")]
    server_value: Option<String>,
}

#[derive(Deserialize)]
struct AllocationId {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
}

#[derive(Deserialize)]
struct SubuserDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    user_id: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    server_id: i64,
    permissions: Vec<String>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    updated_at: Option<DateTime<Utc>>,
}

impl Row for Server {
    fn id(&self) -> i64 {
        self.id
    }
}

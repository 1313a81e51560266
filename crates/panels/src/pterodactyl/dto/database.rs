//! Databases of servers, and the hosts they are on. The password is no field
//! here, so that it is not kept even where a panel sends it.

use chrono::{DateTime, Utc};
use common::types::panel::{Database, DatabaseHost};
use serde::Deserialize;

use super::super::decode::{Fault, Row, record};
use super::relation::One;

/// Reads a database from its own address.
pub(in super::super) fn database(raw: &str) -> Result<Database, Fault> {
    record::<DatabaseDto>(raw, &["server_database", "databases"]).map(Database::from)
}

#[derive(Debug, Deserialize)]
pub(super) struct DatabaseDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    server: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    host: i64,
    database: String,
    username: String,
    remote: String,
    #[serde(default, deserialize_with = "super::lenient::optional_number")]
    max_connections: Option<i64>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    updated_at: Option<DateTime<Utc>>,
    #[serde(default)]
    relationships: Relations,
}

#[derive(Debug, Default, Deserialize)]
struct Relations {
    host: Option<One<HostDto>>,
}

#[derive(Debug, Deserialize)]
struct HostDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    name: String,
    host: String,
    #[serde(deserialize_with = "super::lenient::number")]
    port: u16,
    username: String,
    #[serde(default, deserialize_with = "super::lenient::optional_number")]
    node: Option<i64>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    updated_at: Option<DateTime<Utc>>,
}

impl From<DatabaseDto> for Database {
    fn from(it: DatabaseDto) -> Self {
        Self {
            id: it.id,
            server: it.server,
            host: it.host,
            database: it.database,
            username: it.username,
            remote: it.remote,
            max_connections: it.max_connections,
            created_at: it.created_at,
            updated_at: it.updated_at,
            database_host: it
                .relationships
                .host
                .and_then(|host| host.attributes)
                .map(DatabaseHost::from),
        }
    }
}

impl From<HostDto> for DatabaseHost {
    fn from(it: HostDto) -> Self {
        Self {
            id: it.id,
            name: it.name,
            host: it.host,
            port: i32::from(it.port),
            username: it.username,
            node: it.node,
            created_at: it.created_at,
            updated_at: it.updated_at,
        }
    }
}

impl Row for Database {
    fn id(&self) -> i64 {
        self.id
    }
}

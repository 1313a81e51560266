//! Where servers are: locations, nodes, allocations.

use chrono::{DateTime, Utc};
use common::types::panel::{Allocation, Location, Node};
use serde::Deserialize;
use uuid::Uuid;

use super::super::decode::{Fault, Row, record};

/// Reads a location.
pub(in super::super) fn location(raw: &str) -> Result<Location, Fault> {
    let it: LocationDto = record(raw, &["location"])?;
    Ok(Location {
        id: it.id,
        short: it.short,
        long: it.long,
        created_at: it.created_at,
        updated_at: it.updated_at,
    })
}

#[derive(Deserialize)]
struct LocationDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    short: String,
    long: Option<String>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    updated_at: Option<DateTime<Utc>>,
}

impl Row for Location {
    fn id(&self) -> i64 {
        self.id
    }
}

/// Reads a node.
pub(in super::super) fn node(raw: &str) -> Result<Node, Fault> {
    let it: NodeDto = record(raw, &["node"])?;
    Ok(Node {
        id: it.id,
        uuid: it.uuid,
        name: it.name,
        description: it.description,
        location: it.location_id,
        fqdn: it.fqdn,
        scheme: it.scheme,
        behind_proxy: it.behind_proxy,
        public: it.public,
        maintenance_mode: it.maintenance_mode,
        memory: it.memory,
        memory_overallocate: it.memory_overallocate,
        disk: it.disk,
        disk_overallocate: it.disk_overallocate,
        upload_size: it.upload_size,
        daemon_listen: it.daemon_listen,
        daemon_sftp: it.daemon_sftp,
        daemon_base: it.daemon_base,
        created_at: it.created_at,
        updated_at: it.updated_at,
    })
}

#[derive(Deserialize)]
struct NodeDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    uuid: Uuid,
    name: String,
    description: Option<String>,
    #[serde(deserialize_with = "super::lenient::number")]
    location_id: i64,
    fqdn: String,
    scheme: String,
    #[serde(deserialize_with = "super::lenient::truth")]
    behind_proxy: bool,
    #[serde(deserialize_with = "super::lenient::truth")]
    public: bool,
    #[serde(deserialize_with = "super::lenient::truth")]
    maintenance_mode: bool,
    #[serde(deserialize_with = "super::lenient::number")]
    memory: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    memory_overallocate: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    disk: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    disk_overallocate: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    upload_size: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    daemon_listen: i32,
    #[serde(deserialize_with = "super::lenient::number")]
    daemon_sftp: i32,
    daemon_base: String,
    #[serde(default, deserialize_with = "super::lenient::time")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    updated_at: Option<DateTime<Utc>>,
}

impl Row for Node {
    fn id(&self) -> i64 {
        self.id
    }
}

/// Reads an allocation.
pub(in super::super) fn allocation(raw: &str) -> Result<Allocation, Fault> {
    let it: AllocationDto = record(raw, &["allocation"])?;
    Ok(Allocation {
        id: it.id,
        ip: it.ip,
        port: i32::from(it.port),
        alias: it.alias,
        notes: it.notes,
        assigned: it.assigned,
    })
}

#[derive(Deserialize)]
struct AllocationDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    ip: String,
    alias: Option<String>,
    #[serde(deserialize_with = "super::lenient::number")]
    port: u16,
    notes: Option<String>,
    #[serde(deserialize_with = "super::lenient::truth")]
    assigned: bool,
}

impl Row for Allocation {
    fn id(&self) -> i64 {
        self.id
    }
}

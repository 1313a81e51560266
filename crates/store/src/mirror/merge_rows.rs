//! How the rows of a page, and what hangs on them, are merged.

use super::announce::{AllocationCounts, Announcements};
use super::children::{Whole, note_missing};
use super::merge::{Change, Touched, merge, merge_counted};
use super::rows::{PageRows, ServerParts};
use super::table::Batch;
use super::tables;
use crate::error::StoreError;
use crate::outbox::Outgoing;
use crate::pool::Connection;
use crate::tasks::TaskLease;
use chrono::Utc;
use common::types::panel::{
    BadRecord, Database, DatabaseHost, Egg, EggVariable, Included, Nest, Server, ServerVariable,
    Subuser,
};
use common::types::sync::Kind;
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

pub(super) async fn merge_rows(
    conn: &mut Connection,
    lease: &TaskLease,
    rows: &PageRows,
    outcome: &mut Outcome,
) -> Result<(), StoreError> {
    let panel = lease.panel_id.0;
    match rows {
        PageRows::Locations(rows) => {
            let batch = tables::locations(rows);
            merge_told(conn, lease, Kind::Locations, "location", batch, outcome).await?;
        }
        PageRows::Nodes(rows) => {
            let batch = tables::nodes(rows);
            merge_told(conn, lease, Kind::Nodes, "node", batch, outcome).await?;
        }
        PageRows::Users(rows) => {
            let batch = tables::panel_users(rows);
            merge_told(conn, lease, Kind::Users, "user", batch, outcome).await?;
        }
        PageRows::Allocations { node, rows } => {
            let batch = tables::allocations(*node, rows);
            if lease.announces(Kind::Allocations) {
                let counts = merge_counted(conn, panel, batch).await?;
                outcome.allocations = AllocationCounts::of(*node, &counts);
            } else {
                merge(conn, panel, batch, false).await?;
            }
        }
        PageRows::Nests(rows) => merge_nests(conn, lease, rows, outcome).await?,
        PageRows::Servers { rows, parts } => {
            merge_servers(conn, lease, rows, *parts, outcome).await?
        }
    }
    Ok(())
}

/// Merges rows whose changes are told, in events that begin with `stem`.
async fn merge_told(
    conn: &mut Connection,
    lease: &TaskLease,
    kind: Kind,
    stem: &'static str,
    batch: Batch<'_>,
    outcome: &mut Outcome,
) -> Result<Vec<Touched>, StoreError> {
    let (table, told) = (batch.table.name, lease.announces(kind));
    let touched = merge(conn, lease.panel_id.0, batch, told).await?;
    for row in touched.iter().filter(|row| row.change == Change::Replaced) {
        outcome.replaced.push((table, row.id, row.remote_id));
    }
    if told {
        outcome.announcements.rows(stem, &touched);
    }
    Ok(touched)
}

async fn merge_nests(
    conn: &mut Connection,
    lease: &TaskLease,
    rows: &[Nest],
    outcome: &mut Outcome,
) -> Result<(), StoreError> {
    let (panel, run) = (lease.panel_id.0, lease.run_id.0);
    let batch = tables::nests(rows);
    let nests = merge_told(conn, lease, Kind::Nests, "nest", batch, outcome).await?;
    let replaced = ids_of_replaced(&nests);
    let kept: Vec<&Nest> = rows
        .iter()
        .filter(|nest| !replaced.contains(&nest.id))
        .collect();

    let eggs: Vec<&Egg> = kept.iter().flat_map(|nest| &nest.eggs).collect();
    let nest_ids: Vec<i64> = kept.iter().map(|nest| nest.id).collect();
    let batch = tables::eggs(&eggs);
    let whole = Whole::of(&batch, "nest_remote_id", &nest_ids);
    let touched = merge_told(conn, lease, Kind::Nests, "egg", batch, outcome).await?;
    note_missing(conn, panel, run, whole).await?;

    let replaced = ids_of_replaced(&touched);
    let kept: Vec<&Egg> = eggs
        .into_iter()
        .filter(|egg| !replaced.contains(&egg.id))
        .collect();
    let variables: Vec<&EggVariable> = kept.iter().flat_map(|egg| &egg.variables).collect();
    let egg_ids: Vec<i64> = kept.iter().map(|egg| egg.id).collect();
    let batch = tables::egg_variables(&variables);
    let whole = Whole::of(&batch, "egg_remote_id", &egg_ids);
    let touched = merge(conn, panel, batch, lease.announces(Kind::Nests)).await?;
    note_missing(conn, panel, run, whole).await?;
    if lease.announces(Kind::Nests) {
        let egg_of: BTreeMap<i64, i64> = variables.iter().map(|row| (row.id, row.egg)).collect();
        announce_parts(outcome, "egg", "variables", &touched, |remote_id| {
            egg_of.get(&remote_id).copied()
        });
    }
    Ok(())
}

async fn merge_servers(
    conn: &mut Connection,
    lease: &TaskLease,
    rows: &[Server],
    parts: ServerParts,
    outcome: &mut Outcome,
) -> Result<(), StoreError> {
    let panel = lease.panel_id.0;
    let mut kept: Vec<&Server> = rows.iter().collect();
    if parts.servers {
        let batch = tables::servers(rows);
        let servers = merge_told(conn, lease, Kind::Servers, "server", batch, outcome).await?;
        let replaced = ids_of_replaced(&servers);
        kept.retain(|server| !replaced.contains(&server.id));
        merge_server_parts(conn, lease, &kept, outcome).await?;
        let claims = claims_to_link(lease, &kept, &servers);
        crate::reconcile::link_allocations(conn, panel, Some(&claims)).await?;
    }
    if parts.databases {
        merge_databases(conn, lease, &kept, outcome).await?;
    }
    Ok(())
}

async fn merge_server_parts(
    conn: &mut Connection,
    lease: &TaskLease,
    servers: &[&Server],
    outcome: &mut Outcome,
) -> Result<(), StoreError> {
    let (panel, run) = (lease.panel_id.0, lease.run_id.0);
    let announce = lease.announces(Kind::Servers);

    let (owners, lists) = listed(servers, |server| &server.variables);
    let variables: Vec<(i64, &ServerVariable)> = lists
        .iter()
        .flat_map(|(server, list)| list.iter().map(|row| (*server, row)))
        .filter(|(_, row)| row.server_value.is_some())
        .collect();
    let batch = tables::server_variables(&variables);
    let whole = Whole::of(&batch, "server_remote_id", &owners);
    let touched = merge(conn, panel, batch, lease.announces(Kind::Servers)).await?;
    note_missing(conn, panel, run, whole).await?;
    if announce {
        announce_parts(outcome, "server", "variables", &touched, Some);
    }

    let (owners, lists) = listed(servers, |server| &server.subusers);
    let subusers: Vec<&Subuser> = lists.iter().flat_map(|(_, list)| list.iter()).collect();
    let batch = tables::server_subusers(&subusers);
    let whole = Whole::of(&batch, "server_remote_id", &owners);
    let touched = merge(conn, panel, batch, lease.announces(Kind::Servers)).await?;
    note_missing(conn, panel, run, whole).await?;
    if announce {
        let server_of: BTreeMap<i64, i64> =
            subusers.iter().map(|row| (row.id, row.server)).collect();
        announce_parts(outcome, "server", "subusers", &touched, |id| {
            server_of.get(&id).copied()
        });
    }
    Ok(())
}

/// Servers whose claims on allocations may be news: those whose row was written, where
/// that is told. Allocations that arrive after their server are linked when the run ends.
fn claims_to_link(lease: &TaskLease, servers: &[&Server], touched: &[Touched]) -> Vec<i64> {
    let (mut owners, _) = listed(servers, |server| &server.allocations);
    if lease.announces(Kind::Servers) {
        let written: HashSet<i64> = touched
            .iter()
            .filter(|row| {
                row.change != Change::Updated
                    || row
                        .changed
                        .iter()
                        .any(|name| name == "allocation_remote_ids")
            })
            .map(|row| row.remote_id)
            .collect();
        owners.retain(|id| written.contains(id));
    }
    owners
}

async fn merge_databases(
    conn: &mut Connection,
    lease: &TaskLease,
    servers: &[&Server],
    outcome: &mut Outcome,
) -> Result<(), StoreError> {
    let (panel, run) = (lease.panel_id.0, lease.run_id.0);
    let (owners, lists) = listed(servers, |server| &server.databases);
    let databases: Vec<&Database> = lists.iter().flat_map(|(_, list)| list.iter()).collect();
    let hosts: BTreeMap<i64, &DatabaseHost> = databases
        .iter()
        .filter_map(|row| row.database_host.as_ref())
        .map(|host| (host.id, host))
        .collect();
    let hosts: Vec<&DatabaseHost> = hosts.into_values().collect();
    merge(conn, panel, tables::database_hosts(&hosts), false).await?;
    let batch = tables::server_databases(&databases);
    let whole = Whole::of(&batch, "server_remote_id", &owners);
    merge_told(conn, lease, Kind::Databases, "database", batch, outcome).await?;
    note_missing(conn, panel, run, whole).await
}

/// The parents whose list is known, and their lists.
fn listed<'a, T>(
    servers: &[&'a Server],
    part: impl Fn(&'a Server) -> &'a Included<Vec<T>>,
) -> (Vec<i64>, Vec<(i64, &'a Vec<T>)>) {
    let lists: Vec<(i64, &Vec<T>)> = servers
        .iter()
        .filter_map(|server| Some((server.id, part(server).listed()?)))
        .collect();
    (lists.iter().map(|(id, _)| *id).collect(), lists)
}

fn ids_of_replaced(touched: &[Touched]) -> HashSet<i64> {
    touched
        .iter()
        .filter(|row| row.change == Change::Replaced)
        .map(|row| row.remote_id)
        .collect()
}

fn announce_parts(
    outcome: &mut Outcome,
    stem: &'static str,
    part: &str,
    touched: &[Touched],
    parent_of: impl Fn(i64) -> Option<i64>,
) {
    for row in touched
        .iter()
        .filter(|row| row.change != Change::Updated || !row.changed.is_empty())
    {
        if let (Some(parent_id), Some(parent)) = (row.parent_id, parent_of(row.remote_id)) {
            outcome.announcements.part(stem, parent_id, parent, part);
        }
    }
}

/// What merging found out, gathered for the end of the transaction.
#[derive(Default)]
pub(super) struct Outcome {
    pub announcements: Announcements,
    pub allocations: Option<AllocationCounts>,
    pub replaced: Vec<(&'static str, Uuid, i64)>,
    pub refused: Vec<BadRecord>,
}

impl Outcome {
    pub fn outgoing(self, lease: &TaskLease) -> Vec<Outgoing> {
        let now = Utc::now();
        let mut events = self.announcements.into_events(lease.panel_id, now);
        events.extend(
            self.allocations
                .map(|counts| counts.into_event(lease.panel_id, now)),
        );
        events.into_iter().map(Outgoing::event).collect()
    }
}

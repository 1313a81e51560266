//! The last task of a run: what is missing, is it gone, may it be removed; which
//! links can be resolved; how did the run end.
//!
//! 1. *First look.* A complete listing lacks the row. A listing that changed
//!    while it was read is read once more for its ids; if that changes too,
//!    nothing of it is removed.
//! 2. *Second look* ([`second_look`]): the panel is asked anew.
//! 3. *Decision* ([`decide`]): removed or held, counted before the first removal.
//! 4. Removals, children first, of a replaced row when what takes its place has been
//!    [read](successor); then that is merged; then links, accounts, the end.
//!
//! Every step can be repeated: after a crash another worker begins anew. What the panel
//! refuses to tell of one kind fails that kind and removes nothing of it; what it cannot
//! tell of one row leaves that row as it is, and is reported.

mod along;
pub mod decide;
mod first_look;
mod look;
mod second_look;
mod successor;
mod unlisted;

use crate::plan::hold_rule;
use crate::task::{Task, TaskError};
use crate::work::RECONCILE;
use common::types::sync::Kind;
use decide::{Decision, Held, Proven};
use second_look::SecondLook;
use serde_json::{Value, json};
use slog::info;
use std::collections::{BTreeMap, BTreeSet};
use store::{Ending, Resource, RunKind, Why};
use successor::Successor;
use uuid::Uuid;

/// Rows removed in one transaction.
const CHUNK: usize = 500;

/// Reconciles and ends the run.
pub async fn reconcile(task: &Task) -> Result<(), TaskError> {
    let store = &task.state.store;
    let steps = store.run_kinds(task.lease.run_id).await?;
    let failed: BTreeSet<Kind> = steps
        .iter()
        .filter(|step| step.failed_tasks > 0)
        .filter_map(|step| step.kind.parse().ok())
        .collect();
    note(task, "looking for what is gone").await;

    let mut proven = BTreeMap::new();
    let mut replaced = BTreeMap::new();
    let mut looks = BTreeMap::new();
    let mut troubles = BTreeMap::new();
    // A failed task removes nothing of its kind.
    let mut read: BTreeSet<Kind> = task.lease.kinds.difference(&failed).copied().collect();
    for resource in Resource::ALL {
        let kind = resource.kind();
        if !read.contains(&kind) || troubles.contains_key(&kind) {
            continue;
        }
        match look_for(task, resource, &read).await {
            Ok(found) => {
                looks.insert(resource, found.evidence);
                replaced.insert(resource, found.replaced);
                proven.insert(resource, found.proven);
            }
            Err(error) => {
                troubles.insert(kind, of_one_kind(error)?);
            }
        }
    }
    read.retain(|kind| !troubles.contains_key(kind));
    proven.retain(|resource, _| read.contains(&resource.kind()));
    replaced.retain(|resource, _| read.contains(&resource.kind()));
    along::count_with_parents(task, &read, &mut proven, &replaced).await?;
    let decision = decide_within(task, &proven).await?;
    remove(task, &read, &decision, &replaced, &mut troubles).await?;
    let held = hold(task, &decision, &looks).await?;

    note(task, "resolving links").await;
    store.link(&task.lease).await?;
    let links = store.link_accounts(&task.lease).await?;
    info!(task.log, "accounts linked"; "linked" => links.linked, "conflicts" => links.conflicts);
    for kind in &task.lease.kinds {
        // Nodes that were not listed have allocations that nobody asked for.
        let parents = *kind != Kind::Allocations || !failed.contains(&Kind::Nodes);
        let told = parents && read.contains(kind) && !troubles.contains_key(kind);
        let complete = told && first_look::was_read(task, *kind).await?;
        store.kind_listed(&task.lease, *kind, complete).await?;
    }
    for (kind, reason) in &troubles {
        let sentence = format!("{kind}: {reason}");
        store.run_log(&task.lease, "error", &sentence).await?;
    }
    store.alone_settled(&task.lease).await?;
    let requests = u32::try_from(task.panel.requests_made()).unwrap_or(u32::MAX);
    let run = store
        .run_finish(&task.lease, &ending(&steps, &troubles, held), requests)
        .await?;
    task.pace.forget(task.lease.run_id);
    crate::pace::tell(&task.state, &run).await;
    info!(task.log, "run ended"; "status" => &run.status, "items" => run.items_synced, "requests" => run.requests);
    Ok(())
}

async fn note(task: &Task, message: &str) {
    task.pace
        .note(&task.state, &task.lease, RECONCILE, message.to_owned())
        .await;
}

/// Looks twice for rows of a resource.
async fn look_for(
    task: &Task,
    resource: Resource,
    read: &BTreeSet<Kind>,
) -> Result<SecondLook, TaskError> {
    let missing = first_look::missing(task, resource).await?;
    let mut found = second_look::second_look(task, resource, missing).await?;
    let gone = first_look::of_gone_parents(task, resource, read).await?;
    found.proven.gone.extend(gone);
    Ok(found)
}

/// What the panel refuses while one kind is looked for costs that kind.
fn of_one_kind(error: TaskError) -> Result<String, TaskError> {
    match error {
        TaskError::Panel(error) => Ok(error.to_string()),
        TaskError::Failed(reason) => Ok(reason),
        other => Err(other),
    }
}

fn ending(steps: &[RunKind], troubles: &BTreeMap<Kind, String>, held: Option<Value>) -> Ending {
    let failed = steps.iter().filter(|step| step.failed_tasks > 0);
    let failed = failed.map(|step| (&*step.kind, step.error.as_deref().unwrap_or("failed")));
    let troubles = troubles
        .iter()
        .map(|(kind, reason)| (kind.as_str(), &**reason));
    let failed: Vec<(&str, &str)> = failed.chain(troubles).collect();
    match failed.first() {
        None => Ending::Completed { held },
        Some((step, _)) => Ending::Failed {
            step: (*step).to_owned(),
            error: failed
                .iter()
                .map(|(step, error)| format!("{step}: {error}"))
                .collect::<Vec<_>>()
                .join("; "),
            held,
        },
    }
}

/// The hold rule for a usual run; for one that confirms, what was held and is
/// still missing.
async fn decide_within(
    task: &Task,
    proven: &BTreeMap<Resource, Proven>,
) -> Result<Decision, TaskError> {
    let Some(confirmed) = task.lease.confirms else {
        return Ok(decide::decide(&hold_rule(task), proven));
    };
    let held = task.state.store.held(confirmed).await?;
    let mut decision = Decision::default();
    for (resource, found) in proven {
        let Some(allowed) = held.get(resource) else {
            continue;
        };
        let gone = found
            .gone
            .iter()
            .chain(found.by_node.values().flat_map(|(rows, _)| rows));
        let remove: BTreeSet<Uuid> = gone.filter(|row| allowed.contains(row)).copied().collect();
        if !remove.is_empty() {
            decision.remove.insert(*resource, remove);
        }
    }
    Ok(decision)
}

/// Children first. A row that gives way to another uuid goes when that has been read: what
/// a silent panel does not tell must not cost a row that is there.
async fn remove(
    task: &Task,
    read: &BTreeSet<Kind>,
    decision: &Decision,
    replaced: &BTreeMap<Resource, BTreeSet<Uuid>>,
    troubles: &mut BTreeMap<Kind, String>,
) -> Result<(), TaskError> {
    let none = BTreeSet::new();
    let decided = |resource| decision.remove.get(&resource).unwrap_or(&none);
    let gives_way = |resource: Resource, row: &Uuid| {
        replaced
            .get(&resource)
            .is_some_and(|rows| rows.contains(row))
    };
    let run = task.lease.run_id;
    let mut successors = Vec::new();
    let mut giving_way = BTreeMap::<Resource, BTreeSet<Uuid>>::new();
    for resource in successor::IDENTIFIED {
        let mut rows = task.state.store.replaced(run, resource).await?;
        rows.retain(|row| decided(resource).contains(&row.id) && gives_way(resource, &row.id));
        if let Some(found) = successor::read_all(task, resource, &rows, troubles).await? {
            successors.extend(found);
            giving_way.insert(resource, rows.into_iter().map(|row| row.id).collect());
        }
    }
    for resource in Resource::ALL {
        let gone = decided(resource).iter().copied();
        let gone = gone.filter(|row| !gives_way(resource, row)).collect();
        remove_rows(task, resource, &gone, Why::Gone).await?;
        if let Some(rows) = giving_way.get(&resource) {
            let staying = along::staying(resource, read);
            remove_rows(task, resource, rows, Why::Replaced { staying }).await?;
        }
    }
    for (resource, rows) in successors {
        unlisted::merge_alone(task, resource, rows).await?;
    }
    // Places that a worker before gave up, and came no further.
    for resource in successor::IDENTIFIED {
        for candidate in task.state.store.vacated(run, resource).await? {
            let read = successor::read(task, resource, &candidate, troubles).await?;
            if let Successor::Rows(asked, rows) = read {
                unlisted::merge_alone(task, asked, rows).await?;
            }
        }
    }
    Ok(())
}

async fn remove_rows(
    task: &Task,
    resource: Resource,
    rows: &BTreeSet<Uuid>,
    why: Why,
) -> Result<(), TaskError> {
    let rows: Vec<Uuid> = rows.iter().copied().collect();
    for chunk in rows.chunks(CHUNK) {
        let removed = task
            .state
            .store
            .remove(&task.lease, resource, chunk, why)
            .await?;
        metrics::counter!("nodebyte_sync_removed_total", "resource" => resource.table())
            .increment(removed);
    }
    Ok(())
}

/// Remembers what is held, and tells it in the run: kind by kind, with the
/// evidence.
async fn hold(
    task: &Task,
    decision: &Decision,
    looks: &BTreeMap<Resource, Vec<Value>>,
) -> Result<Option<Value>, TaskError> {
    let mut told: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for (resource, Held { rows, live, recent }) in &decision.held {
        let rows: Vec<Uuid> = rows.iter().copied().collect();
        task.state.store.hold(&task.lease, *resource, &rows).await?;
        let entry = json!({
            "rows": rows.len(), "live": live, "removed_before": recent, "looks": looks.get(resource),
        });
        told.entry(resource.kind().as_str())
            .or_default()
            .insert(resource.table(), entry);
        let sentence = format!(
            "{} removals of {} are held for confirmation",
            rows.len(),
            resource.table()
        );
        task.state
            .store
            .run_log(&task.lease, "warning", &sentence)
            .await?;
    }
    Ok((!told.is_empty()).then(|| json!(told)))
}

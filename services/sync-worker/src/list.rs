//! Listing: one page after the other goes from the panel into the mirror.

use crate::task::{Task, TaskError};
use crate::work::{Checkpoint, Forbidden, STAGE_LIST, Source, Work, has_next};
use common::types::panel::{Chunk, Included, PageRequest, Server};
use common::types::sync::Kind;
use panels::PanelError;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use store::{NewTask, PageCommit, PageRows, ServerParts};

/// Reads pages `from` to `to`, going on where an earlier worker stopped.
pub async fn list(
    task: &Task,
    source: &Source,
    size: u32,
    from: u32,
    to: Option<u32>,
    allocations_but: Option<&BTreeSet<i64>>,
) -> Result<(), TaskError> {
    let checkpoint: Option<Checkpoint> = task
        .lease
        .checkpoint
        .clone()
        .and_then(|value| serde_json::from_value(value).ok());
    let Checkpoint {
        next,
        mut forbidden,
    } = checkpoint.unwrap_or(Checkpoint {
        next: from,
        ..Checkpoint::default()
    });
    let mut page = PageRequest { number: next, size };
    let first = PageRequest { number: from, size }.offset();
    // A checkpoint may stand behind the end: then all pages are committed.
    while to.is_none_or(|to| page.number <= to) {
        let read = match read(task, source, page).await {
            // A node that has gone since the run was planned has no allocations to list.
            // Whether they go is decided with the node.
            Err(TaskError::Panel(PanelError::NotFound)) if source.scope() != 0 => {
                let sentence = format!("node {} has gone: it lists no allocations", source.scope());
                task.state
                    .store
                    .run_log(&task.lease, "info", &sentence)
                    .await?;
                break;
            }
            read => read?,
        };
        forbidden.extend(read.forbidden.iter().cloned());
        let total = read.chunk.total;
        let next = has_next(page, to, total, read.is_empty());
        let checkpoint = Checkpoint {
            next: page.number + 1,
            forbidden: forbidden.clone(),
        };
        let commit = read.into_commit(source, page, first, to, &checkpoint);
        let report = task.commit(&commit).await?;
        metrics::counter!("nodebyte_sync_rows_total", "kind" => source.kind().as_str())
            .increment(report.synced);
        let shown = (page.offset() + u64::from(size)).min(total);
        let message = format!("{}: {shown} of {total}", source.kind());
        task.pace
            .note(&task.state, &task.lease, source.kind().as_str(), message)
            .await;
        if !next {
            break;
        }
        page.number += 1;
    }
    // Only the kinds that the key may not read any more fail; the rest was read.
    let mut follow = denied(&forbidden);
    if let Some(but) = allocations_but {
        let run = task.lease.run_id;
        let nodes = task.state.store.seen(run, Kind::Nodes, 0).await?;
        let size = task.state.config.panel.allocation_page_size;
        follow.extend(nodes.difference(but).map(|node| allocations(*node, size)));
    }
    task.state.store.task_plan(&task.lease, &follow, 0).await?;
    Ok(())
}

fn allocations(node: i64, size: u32) -> NewTask {
    NewTask {
        kind: Kind::Allocations.as_str().to_owned(),
        stage: STAGE_LIST,
        ordinal: 0,
        work: json!(Work::List {
            source: Source::Allocations { node },
            size,
            from: 1,
            to: None,
            allocations_but: None,
        }),
        items_total: 0,
    }
}

fn denied(forbidden: &BTreeSet<Forbidden>) -> Vec<NewTask> {
    let mut lost: BTreeMap<Kind, Vec<&str>> = BTreeMap::new();
    for (kind, what) in forbidden {
        lost.entry(*kind).or_default().push(what);
    }
    lost.into_iter()
        .map(|(kind, what)| NewTask {
            kind: kind.as_str().to_owned(),
            stage: STAGE_LIST,
            ordinal: 0,
            work: json!(Work::Denied {
                reason: format!("the key lacks the permission to read {}", what.join(", ")),
            }),
            items_total: 0,
        })
        .collect()
}

/// A page as it was read.
pub struct Read {
    rows: PageRows,
    chunk: Chunk<()>,
    forbidden: BTreeSet<Forbidden>,
}

/// Reads one page of a listing.
pub async fn read(task: &Task, source: &Source, page: PageRequest) -> Result<Read, TaskError> {
    let panel = &task.panel;
    Ok(match source {
        Source::Locations => plain(
            task.ask(|| panel.locations(page)).await?,
            |row| row.id,
            PageRows::Locations,
        ),
        Source::Nodes => plain(
            task.ask(|| panel.nodes(page)).await?,
            |row| row.id,
            PageRows::Nodes,
        ),
        Source::Nests => plain(
            task.ask(|| panel.nests(page)).await?,
            |row| row.id,
            PageRows::Nests,
        ),
        Source::Users => plain(
            task.ask(|| panel.users(page)).await?,
            |row| row.id,
            PageRows::Users,
        ),
        Source::Allocations { node } => plain(
            task.ask(|| panel.allocations(*node, page)).await?,
            |row| row.id,
            |rows| PageRows::Allocations { node: *node, rows },
        ),
        Source::Servers {
            include,
            servers,
            databases,
        } => {
            let chunk = task.ask(|| panel.servers(page, *include)).await?;
            let forbidden = forbidden(&chunk.rows);
            let parts = ServerParts {
                servers: *servers,
                databases: *databases,
            };
            let read = plain(
                chunk,
                |row| row.id,
                |rows| PageRows::Servers { rows, parts },
            );
            Read { forbidden, ..read }
        }
    })
}

/// Separates the rows from what is known about them. A page that had to be cut
/// can show a row twice when rows move meanwhile.
fn plain<T>(
    mut chunk: Chunk<T>,
    id: impl Fn(&T) -> i64,
    wrap: impl FnOnce(Vec<T>) -> PageRows,
) -> Read {
    let mut known = HashSet::with_capacity(chunk.rows.len());
    chunk.rows.retain(|row| known.insert(id(row)));
    let rest = Chunk {
        rows: Vec::new(),
        bad: chunk.bad,
        poison: chunk.poison,
        total: chunk.total,
        total_constant: chunk.total_constant,
        requests: chunk.requests,
    };
    Read {
        rows: wrap(chunk.rows),
        chunk: rest,
        forbidden: BTreeSet::new(),
    }
}

fn forbidden(rows: &[Server]) -> BTreeSet<Forbidden> {
    let mut lost = BTreeSet::new();
    let mut lacks = |kind, what: &str| lost.insert((kind, what.to_owned()));
    for row in rows {
        if matches!(row.allocations, Included::Forbidden) {
            lacks(Kind::Servers, "allocations");
        }
        if matches!(row.variables, Included::Forbidden) {
            lacks(Kind::Servers, "servers (for variables)");
        }
        if matches!(row.subusers, Included::Forbidden) {
            lacks(Kind::Servers, "users (for subusers)");
        }
        if matches!(row.databases, Included::Forbidden) {
            lacks(Kind::Databases, "server_databases");
        }
        if lacks_hosts(row) {
            lacks(Kind::Databases, "database_hosts");
        }
    }
    lost
}

/// Whether databases came without their hosts. Each has one, so the key may not
/// read it.
pub fn lacks_hosts(row: &Server) -> bool {
    let mut databases = row.databases.listed().into_iter().flatten();
    databases.any(|database| database.database_host.is_none())
}

/// What a page shows of its listing.
pub struct Shown {
    /// Ids of all rows that are there, readable or not.
    pub ids: Vec<i64>,
    /// The listing's total.
    pub total: u64,
    /// Whether all answers behind the page said the same total.
    pub total_constant: bool,
    /// Whether it shows no row, readable or not.
    pub empty: bool,
}

impl Read {
    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.chunk.is_empty()
    }

    /// The page as a part of its listing.
    pub fn listing(&self) -> Shown {
        let mut ids = self.rows.ids();
        ids.extend(
            self.chunk
                .bad
                .iter()
                .chain(&self.chunk.poison)
                .filter_map(|row| row.id),
        );
        Shown {
            empty: self.is_empty(),
            ids,
            total: self.chunk.total,
            total_constant: self.chunk.total_constant,
        }
    }

    fn into_commit(
        self,
        source: &Source,
        page: PageRequest,
        first: u64,
        to: Option<u32>,
        checkpoint: &Checkpoint,
    ) -> PageCommit {
        let end = to.map_or(self.chunk.total, |to| u64::from(to) * u64::from(page.size));
        PageCommit {
            rows: self.rows,
            kind: source.kind(),
            scope: source.scope(),
            position: page.offset(),
            total: self.chunk.total,
            total_constant: self.chunk.total_constant,
            bad: self.chunk.bad,
            poison: self.chunk.poison,
            listing: true,
            checkpoint: json!(checkpoint),
            items_total: end.min(self.chunk.total).saturating_sub(first),
            requests: self.chunk.requests,
        }
    }
}

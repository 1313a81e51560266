//! The first task of a run: is this the panel we know, how much is there, which
//! tasks does that make. It writes nothing to the mirror.
//!
//! Each listing is looked at once: one that cannot be read fails, or waits in a
//! task of its own, and holds up no other.

mod look;
mod tasks;

use crate::ask::Pause;
use crate::identity::{Identity, Sample};
use crate::task::{Task, TaskError};
use common::types::panel::{Chunk, Included, PageRequest, Server, ServerIncludes};
use common::types::sync::{HoldRule, Kind};
use look::{Looked, Next, Trouble};
use panels::PanelError;
use std::collections::{BTreeMap, BTreeSet};
use store::Ending;
use uuid::Uuid;

/// Rows of the first look: enough to know the panel by.
const SAMPLE: PageRequest = PageRequest {
    number: 1,
    size: 50,
};

/// Plans the run, or ends it when another panel answers.
pub async fn plan(task: &Task) -> Result<(), TaskError> {
    let mut plan = Plan::new(task);
    plan.look().await?;
    match plan.sample.verdict(&hold_rule(task)) {
        Identity::Same => {
            let tasks = plan.tasks();
            task.state
                .store
                .task_plan(&task.lease, &tasks, plan.requests)
                .await?;
        }
        Identity::Other {
            compared,
            different,
        } => {
            let ending = Ending::Failed {
                step: "identity".to_owned(),
                error: format!(
                    "another panel answers at this address: {different} of {compared} known ids show another \
                     uuid; nothing was written (`nodebyte panel add` mirrors it beside the known one)"
                ),
                held: None,
            };
            let run = task
                .state
                .store
                .run_finish(&task.lease, &ending, plan.requests)
                .await?;
            crate::pace::tell(&task.state, &run).await;
        }
    }
    Ok(())
}

/// When removals are held, from the configuration.
pub fn hold_rule(task: &Task) -> HoldRule {
    HoldRule {
        share: task.state.config.sync.hold_share,
        rows: u64::from(task.state.config.sync.hold_rows),
    }
}

/// A first page without a row of a listing that says it has some tells nothing.
fn shows_something<T>(chunk: Chunk<T>) -> Result<Chunk<T>, PanelError> {
    if chunk.total > 0 && chunk.is_empty() {
        let sentence = format!("an empty page of a listing of {}", chunk.total);
        return Err(PanelError::Malformed(sentence));
    }
    Ok(chunk)
}

struct Plan<'a> {
    task: &'a Task,
    sample: Sample,
    totals: BTreeMap<Kind, u64>,
    nodes: BTreeSet<i64>,
    include: ServerIncludes,
    denied: BTreeMap<Kind, String>,
    /// Listings that may be readable later, and what was answered instead.
    late: BTreeMap<Kind, String>,
    /// The first refusal that is not about one permission.
    refused: Option<PanelError>,
    /// Whether any listing was read.
    read: bool,
    requests: u32,
}

impl<'a> Plan<'a> {
    fn new(task: &'a Task) -> Self {
        Self {
            task,
            sample: Sample::default(),
            totals: BTreeMap::new(),
            nodes: BTreeSet::new(),
            include: ServerIncludes::default(),
            denied: BTreeMap::new(),
            late: BTreeMap::new(),
            refused: None,
            read: false,
            requests: 0,
        }
    }

    fn wants(&self, kind: Kind) -> bool {
        self.task.lease.kinds.contains(&kind)
    }

    /// The listings to look at.
    fn listings(&self) -> Vec<Kind> {
        let mut listings = Vec::new();
        if self.wants(Kind::Servers) || self.wants(Kind::Databases) {
            listings.push(Kind::Servers);
        }
        if self.wants(Kind::Users) {
            listings.push(Kind::Users);
        }
        // Locations have no uuid; their run knows the panel by its nodes.
        if self.wants(Kind::Nodes) || self.wants(Kind::Allocations) || self.wants(Kind::Locations) {
            listings.push(Kind::Nodes);
        }
        if self.wants(Kind::Nests) {
            listings.push(Kind::Nests);
        }
        listings
    }

    /// Looks at each listing once; at those that may still come again and again
    /// for as long as nothing that was read tells which panel this is.
    async fn look(&mut self) -> Result<(), TaskError> {
        let mut pause = Pause::first();
        let mut listings = self.listings();
        loop {
            for listing in listings {
                match listing {
                    Kind::Servers => self.look_at_servers().await?,
                    Kind::Users => self.look_at_users().await?,
                    Kind::Nodes => self.look_at_nodes().await?,
                    _ => self.look_at_nests().await?,
                }
            }
            match look::next(self.looked().await?) {
                Next::Plan => break,
                Next::Fail => {
                    return self
                        .refused
                        .take()
                        .map_or(Ok(()), |error| Err(error.into()));
                }
                Next::Wait => {
                    pause.sleep().await;
                    listings = std::mem::take(&mut self.late).into_keys().collect();
                }
            }
        }
        if self.wants(Kind::Allocations) && self.late.contains_key(&Kind::Nodes) {
            let panel = self.task.lease.panel_id;
            self.nodes
                .extend(self.task.state.store.known_nodes(panel).await?);
        }
        Ok(())
    }

    async fn looked(&self) -> Result<Looked, TaskError> {
        let lease = &self.task.lease;
        let late: Vec<Kind> = self.late.keys().copied().collect();
        let known = &self.task.state.store;
        let unknown = self.sample.is_empty()
            && known
                .knows_uuids(lease.panel_id, &late, lease.confirms)
                .await?;
        Ok(Looked {
            read: self.read,
            late: !late.is_empty(),
            unknown,
            refused: self.refused.is_some(),
        })
    }

    /// Takes a first page in, or remembers why there is none.
    async fn take<T>(
        &mut self,
        kind: Kind,
        page: Result<Chunk<T>, PanelError>,
        uuid_of: impl Fn(&T) -> (i64, Uuid),
    ) -> Result<Option<Chunk<T>>, TaskError> {
        let chunk = match page.and_then(shows_something) {
            Ok(chunk) => chunk,
            Err(error) => {
                match look::trouble(&error) {
                    Trouble::Run => return Err(error.into()),
                    Trouble::Forbidden => {
                        self.denied.insert(kind, error.to_string());
                    }
                    Trouble::Refused => {
                        let reason = format!("the listing of {kind} is refused: {error}");
                        self.denied.insert(kind, reason);
                        self.refused.get_or_insert(error);
                    }
                    Trouble::Passing => {
                        self.task.waits_for(kind.as_str(), &error).await?;
                        self.late.insert(kind, error.to_string());
                    }
                }
                return Ok(None);
            }
        };
        self.read = true;
        self.requests += chunk.requests;
        let shown: Vec<(i64, Uuid)> = chunk.rows.iter().map(uuid_of).collect();
        let ids: Vec<i64> = shown.iter().map(|(id, _)| *id).collect();
        let lease = &self.task.lease;
        let known = self
            .task
            .state
            .store
            .known_uuids(lease.panel_id, kind, &ids, lease.confirms)
            .await?;
        self.sample.compare(&shown, &known);
        self.totals.insert(kind, chunk.total);
        Ok(Some(chunk))
    }

    async fn look_at_servers(&mut self) -> Result<(), TaskError> {
        let servers = self.wants(Kind::Servers);
        self.include = ServerIncludes {
            allocations: servers,
            variables: servers,
            subusers: servers,
            databases: self.wants(Kind::Databases),
        };
        let (panel, include) = (&self.task.panel, self.include);
        let page = panel.servers(SAMPLE, include).await;
        let chunk = self
            .take(Kind::Servers, page, |row: &Server| (row.id, row.uuid))
            .await?;
        let Some(chunk) = chunk else {
            if let Some(reason) = self.denied.get(&Kind::Servers).cloned() {
                self.denied.insert(Kind::Databases, reason);
            }
            return Ok(());
        };
        // A relation that may not be read says so in every row.
        if let Some(row) = chunk.rows.first() {
            let lacks = |what: &str| format!("the key lacks the permission to read {what}");
            if matches!(row.allocations, Included::Forbidden) {
                self.include.allocations = false;
                self.denied.insert(Kind::Servers, lacks("allocations"));
            }
            if matches!(row.subusers, Included::Forbidden) {
                self.include.subusers = false;
                self.denied
                    .insert(Kind::Servers, lacks("users (for subusers)"));
            }
            if matches!(row.variables, Included::Forbidden) {
                self.include.variables = false;
                self.denied
                    .insert(Kind::Servers, lacks("servers (for variables)"));
            }
            if matches!(row.databases, Included::Forbidden) {
                self.include.databases = false;
                self.denied
                    .insert(Kind::Databases, lacks("server_databases"));
            }
            if chunk.rows.iter().any(crate::list::lacks_hosts) {
                self.include.databases = false;
                self.denied.insert(Kind::Databases, lacks("database_hosts"));
            }
        }
        Ok(())
    }

    async fn look_at_users(&mut self) -> Result<(), TaskError> {
        let page = self.task.panel.users(SAMPLE).await;
        self.take(Kind::Users, page, |row| (row.id, row.uuid))
            .await?;
        Ok(())
    }

    async fn look_at_nodes(&mut self) -> Result<(), TaskError> {
        let mut page = PageRequest {
            number: 1,
            size: self.task.state.config.panel.page_size,
        };
        loop {
            let answer = self.task.panel.nodes(page).await;
            let Some(chunk) = self
                .take(Kind::Nodes, answer, |row| (row.id, row.uuid))
                .await?
            else {
                return Ok(());
            };
            self.nodes.extend(chunk.rows.iter().map(|node| node.id));
            // A node that cannot be read still has allocations that can.
            self.nodes.extend(
                chunk
                    .bad
                    .iter()
                    .chain(&chunk.poison)
                    .filter_map(|row| row.id),
            );
            if !crate::work::has_next(page, None, chunk.total, chunk.is_empty()) {
                return Ok(());
            }
            page.number += 1;
        }
    }

    async fn look_at_nests(&mut self) -> Result<(), TaskError> {
        let page = self.task.panel.nests(SAMPLE).await;
        self.take(Kind::Nests, page, |row| (row.id, row.uuid))
            .await?;
        Ok(())
    }
}

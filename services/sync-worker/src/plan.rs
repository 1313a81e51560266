//! The first task of a run: is this the panel we know, how much is there, which
//! tasks does that make. It writes nothing to the mirror.

use crate::identity::{Identity, Sample};
use crate::task::{Task, TaskError};
use crate::work::{RECONCILE, STAGE_LIST, STAGE_RECONCILE, Source, Work, ranges};
use common::types::panel::{Chunk, Included, PageRequest, Server, ServerIncludes};
use common::types::sync::{HoldRule, Kind};
use panels::PanelError;
use serde_json::json;
use std::collections::BTreeMap;
use store::{Ending, NewTask};
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

struct Plan<'a> {
    task: &'a Task,
    sample: Sample,
    totals: BTreeMap<Kind, u64>,
    nodes: Vec<i64>,
    include: ServerIncludes,
    denied: BTreeMap<Kind, String>,
    requests: u32,
}

impl<'a> Plan<'a> {
    fn new(task: &'a Task) -> Self {
        Self {
            task,
            sample: Sample::default(),
            totals: BTreeMap::new(),
            nodes: Vec::new(),
            include: ServerIncludes::default(),
            denied: BTreeMap::new(),
            requests: 0,
        }
    }

    fn wants(&self, kind: Kind) -> bool {
        self.task.lease.kinds.contains(&kind)
    }

    async fn look(&mut self) -> Result<(), TaskError> {
        if self.wants(Kind::Servers) || self.wants(Kind::Databases) {
            self.look_at_servers().await?;
        }
        if self.wants(Kind::Users) {
            self.look_at_users().await?;
        }
        // Locations have no uuid; their run knows the panel by its nodes.
        if self.wants(Kind::Nodes) || self.wants(Kind::Allocations) || self.wants(Kind::Locations) {
            self.look_at_nodes().await?;
        }
        if self.wants(Kind::Nests) {
            self.look_at_nests().await?;
        }
        Ok(())
    }

    /// Takes a first page in, or remembers that the key may not read the kind.
    async fn take<T>(
        &mut self,
        kind: Kind,
        page: Result<Chunk<T>, TaskError>,
        uuid_of: impl Fn(&T) -> (i64, Uuid),
    ) -> Result<Option<Chunk<T>>, TaskError> {
        let chunk = match page {
            Ok(chunk) => chunk,
            Err(TaskError::Panel(error @ PanelError::Forbidden { .. })) => {
                self.denied.insert(kind, error.to_string());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
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
        let page = self.task.ask(|| panel.servers(SAMPLE, include)).await;
        let chunk = self
            .take(Kind::Servers, page, |row: &Server| (row.id, row.uuid))
            .await?;
        let Some(chunk) = chunk else {
            let reason = self.denied.get(&Kind::Servers).cloned().unwrap_or_default();
            self.denied.insert(Kind::Databases, reason);
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
        let panel = &self.task.panel;
        let page = self.task.ask(|| panel.users(SAMPLE)).await;
        self.take(Kind::Users, page, |row| (row.id, row.uuid))
            .await?;
        Ok(())
    }

    async fn look_at_nodes(&mut self) -> Result<(), TaskError> {
        let panel = &self.task.panel;
        let mut page = PageRequest {
            number: 1,
            size: self.task.state.config.panel.page_size,
        };
        loop {
            let answer = self.task.ask(|| panel.nodes(page)).await;
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
            if !crate::work::has_next(page, None, chunk.total) {
                return Ok(());
            }
            page.number += 1;
        }
    }

    async fn look_at_nests(&mut self) -> Result<(), TaskError> {
        let panel = &self.task.panel;
        let page = self.task.ask(|| panel.nests(SAMPLE)).await;
        self.take(Kind::Nests, page, |row| (row.id, row.uuid))
            .await?;
        Ok(())
    }

    fn tasks(&self) -> Vec<NewTask> {
        let mut tasks = Tasks::default();
        let config = &self.task.state.config.panel;
        for kind in &self.task.lease.kinds {
            if let Some(reason) = self.denied.get(kind) {
                tasks.add(
                    kind.as_str(),
                    &Work::Denied {
                        reason: reason.clone(),
                    },
                    0,
                );
            }
        }
        for (kind, source) in [
            (Kind::Locations, Source::Locations),
            (Kind::Nodes, Source::Nodes),
            (Kind::Nests, Source::Nests),
        ] {
            if self.wants(kind) && !self.denied.contains_key(&kind) {
                let total = self.totals.get(&kind).copied().unwrap_or_default();
                tasks.list(source, config.page_size, 1, None, total);
            }
        }
        if self.wants(Kind::Users) && !self.denied.contains_key(&Kind::Users) {
            self.split(&mut tasks, Kind::Users, &Source::Users);
        }
        if self.wants(Kind::Allocations) {
            if let Some(reason) = self.denied.get(&Kind::Nodes) {
                let reason = format!("its nodes cannot be listed: {reason}");
                tasks.add(Kind::Allocations.as_str(), &Work::Denied { reason }, 0);
            }
            for node in &self.nodes {
                let source = Source::Allocations { node: *node };
                tasks.list(source, config.allocation_page_size, 1, None, 0);
            }
        }
        if (self.wants(Kind::Servers) || self.include.databases)
            && self.totals.contains_key(&Kind::Servers)
        {
            let source = Source::Servers {
                include: self.include,
                servers: self.wants(Kind::Servers),
                databases: self.include.databases,
            };
            self.split(&mut tasks, Kind::Servers, &source);
        }
        tasks.finish()
    }

    fn split(&self, tasks: &mut Tasks, kind: Kind, source: &Source) {
        let config = &self.task.state.config.panel;
        let total = self.totals.get(&kind).copied().unwrap_or_default();
        let size = config.page_size;
        for (from, to) in ranges(total, size, config.concurrency) {
            let first = u64::from(from - 1) * u64::from(size);
            let last = to
                .map_or(total, |to| u64::from(to) * u64::from(size))
                .min(total);
            tasks.list(source.clone(), size, from, to, last.saturating_sub(first));
        }
    }
}

#[derive(Default)]
struct Tasks(Vec<NewTask>);

impl Tasks {
    fn add(&mut self, kind: &str, work: &Work, items_total: u64) {
        self.0.push(NewTask {
            kind: kind.to_owned(),
            stage: STAGE_LIST,
            ordinal: i32::try_from(self.0.len()).unwrap_or(i32::MAX),
            work: json!(work),
            items_total: i64::try_from(items_total).unwrap_or(i64::MAX),
        });
    }

    fn list(&mut self, source: Source, size: u32, from: u32, to: Option<u32>, items: u64) {
        let kind = source.kind();
        self.add(
            kind.as_str(),
            &Work::List {
                source,
                size,
                from,
                to,
            },
            items,
        );
    }

    fn finish(mut self) -> Vec<NewTask> {
        self.0.push(NewTask {
            kind: RECONCILE.to_owned(),
            stage: STAGE_RECONCILE,
            ordinal: 0,
            work: json!({}),
            items_total: 0,
        });
        self.0
    }
}

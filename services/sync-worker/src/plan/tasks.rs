//! The tasks that a plan consists of.

use super::Plan;
use crate::work::{RECONCILE, STAGE_LIST, STAGE_RECONCILE, Source, Work, ranges};
use common::types::sync::Kind;
use serde_json::json;
use store::NewTask;

/// Tasks in the order of their claims.
#[derive(Default)]
pub struct Tasks(Vec<NewTask>);

impl Tasks {
    /// Adds work that counts for `kind`.
    pub fn add(&mut self, kind: &str, work: &Work, items_total: u64) {
        self.0.push(NewTask {
            kind: kind.to_owned(),
            stage: STAGE_LIST,
            ordinal: i32::try_from(self.0.len()).unwrap_or(i32::MAX),
            work: json!(work),
            items_total: i64::try_from(items_total).unwrap_or(i64::MAX),
        });
    }

    /// Adds the reading of a listing.
    pub fn list(&mut self, source: Source, size: u32, from: u32, to: Option<u32>, items: u64) {
        let kind = source.kind();
        self.add(
            kind.as_str(),
            &Work::List {
                source,
                size,
                from,
                to,
                allocations_but: None,
            },
            items,
        );
    }

    /// All of them, and the one that ends the run.
    pub fn finish(mut self) -> Vec<NewTask> {
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

impl Plan<'_> {
    /// What was found, as tasks.
    pub(super) fn tasks(&self) -> Vec<NewTask> {
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
            if self.wants(kind) && self.is_there(kind) {
                let total = self.totals.get(&kind).copied().unwrap_or_default();
                tasks.list(source, config.page_size, 1, None, total);
            }
        }
        if self.wants(Kind::Users) && self.is_there(Kind::Users) {
            self.split(&mut tasks, Kind::Users, &Source::Users);
        }
        if self.wants(Kind::Allocations) {
            if let Some(reason) = self.denied.get(&Kind::Nodes) {
                let reason = format!("its nodes cannot be listed: {reason}");
                tasks.add(Kind::Allocations.as_str(), &Work::Denied { reason }, 0);
            }
            if let Some(reason) = self.late.get(&Kind::Nodes)
                && !self.wants(Kind::Nodes)
            {
                // No task lists them, so nothing can follow from it.
                let reason = format!("not all nodes could be listed: {reason}");
                tasks.add(Kind::Allocations.as_str(), &Work::Denied { reason }, 0);
            }
            for node in &self.nodes {
                let source = Source::Allocations { node: *node };
                tasks.list(source, config.allocation_page_size, 1, None, 0);
            }
        }
        // Read, if not with all relations.
        if (self.wants(Kind::Servers) || self.include.databases)
            && self.totals.contains_key(&Kind::Servers)
        {
            self.split(&mut tasks, Kind::Servers, &self.servers());
        }
        self.add_late(&mut tasks);
        tasks.finish()
    }

    /// Neither denied nor late.
    fn is_there(&self, kind: Kind) -> bool {
        !self.denied.contains_key(&kind) && !self.late.contains_key(&kind)
    }

    fn servers(&self) -> Source {
        Source::Servers {
            include: self.include,
            servers: self.wants(Kind::Servers),
            databases: self.include.databases,
        }
    }

    /// One open-ended task for each late listing, behind all others: it may wait
    /// for long, and tasks that wait take up the panel's concurrency.
    fn add_late(&self, tasks: &mut Tasks) {
        for kind in self.late.keys() {
            let (source, allocations_but) = match kind {
                Kind::Servers => (self.servers(), None),
                Kind::Users => (Source::Users, None),
                Kind::Nests => (Source::Nests, None),
                Kind::Nodes if self.wants(Kind::Nodes) => {
                    let planned = self.wants(Kind::Allocations).then(|| self.nodes.clone());
                    (Source::Nodes, planned)
                }
                _ => continue,
            };
            let name = source.kind().as_str();
            let work = Work::List {
                source,
                size: self.task.state.config.panel.page_size,
                from: 1,
                to: None,
                allocations_but,
            };
            tasks.add(name, &work, 0);
        }
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

//! The tasks that a plan consists of.

use crate::work::{RECONCILE, STAGE_LIST, STAGE_RECONCILE, Source, Work};
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

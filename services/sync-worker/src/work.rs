//! What a task is to do, as it stands in the task's row.

use common::types::panel::{PageRequest, ServerIncludes};
use common::types::sync::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The three stages of a run.
pub const STAGE_LIST: i32 = 1;
/// See [`STAGE_LIST`].
pub const STAGE_RECONCILE: i32 = 2;

/// Name of the last task's kind.
pub const RECONCILE: &str = "reconcile";

/// One listing: what is asked for, page by page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Source {
    /// All locations.
    Locations,
    /// All nodes.
    Nodes,
    /// All nests with eggs and variables.
    Nests,
    /// All users.
    Users,
    /// The allocations of one node.
    Allocations {
        /// The node's id on the panel.
        node: i64,
    },
    /// Servers, with what hangs on them.
    Servers {
        /// Relations to bring along.
        include: ServerIncludes,
        /// Whether servers themselves are mirrored.
        servers: bool,
        /// Whether their databases are.
        databases: bool,
    },
}

impl Source {
    /// The kind that the listing counts for.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Locations => Kind::Locations,
            Self::Nodes => Kind::Nodes,
            Self::Nests => Kind::Nests,
            Self::Users => Kind::Users,
            Self::Allocations { .. } => Kind::Allocations,
            Self::Servers { servers: true, .. } => Kind::Servers,
            Self::Servers { servers: false, .. } => Kind::Databases,
        }
    }

    /// The node of allocations, else 0.
    pub fn scope(&self) -> i64 {
        match self {
            Self::Allocations { node } => *node,
            _ => 0,
        }
    }
}

/// A task's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Work {
    /// Read pages `from` to `to` of a listing.
    List {
        /// What is listed.
        source: Source,
        /// Rows a page.
        size: u32,
        /// First page, counted from 1.
        from: u32,
        /// Last page; none: to the end, however far that moves.
        to: Option<u32>,
        /// For nodes that planning could not list: once they are listed, the
        /// allocations of all but these, which are listed already, follow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allocations_but: Option<BTreeSet<i64>>,
    },
    /// Fail, for a reason that planning found: the kind cannot be read.
    Denied {
        /// The reason, which names the missing permission or the listing.
        reason: String,
    },
}

/// Where a listing goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The next page.
    pub next: u32,
    /// What the key could not read on the pages before it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub forbidden: BTreeSet<Forbidden>,
}

/// A kind, and the relation it needs that the key may not read (any more).
pub type Forbidden = (Kind, String);

/// Ranges that one listing is split into at most: whatever the panel claims, planning
/// costs no more than for a large one.
const MOST_RANGES: u32 = 100;

/// Splits `total` rows into ranges of pages for `parallel` tasks at a time. The
/// last range is open, so that rows added meanwhile are read too.
pub fn ranges(total: u64, size: u32, parallel: u32) -> Vec<(u32, Option<u32>)> {
    let pages = u32::try_from(total.div_ceil(u64::from(size.max(1))))
        .unwrap_or(u32::MAX)
        .max(1);
    // Several ranges a worker keep the last ones from being waited for alone.
    let length = (pages / (parallel.max(1) * 5))
        .clamp(1, 20)
        .max(pages.div_ceil(MOST_RANGES));
    let mut ranges = Vec::new();
    let mut from = 1u32;
    loop {
        match from.checked_add(length - 1) {
            Some(to) if to < pages => {
                ranges.push((from, Some(to)));
                from = to + 1;
            }
            _ => {
                ranges.push((from, None));
                return ranges;
            }
        }
    }
}

/// Whether a listing goes on after `page`, of which the panel said `total`. Behind an
/// `empty` page there is nothing, whatever it said: the listing has shrunk, or never
/// was so long, and what was not shown makes it incomplete.
pub fn has_next(page: PageRequest, to: Option<u32>, total: u64, empty: bool) -> bool {
    let more = match to {
        Some(to) => page.number < to,
        None => page.offset() + u64::from(page.size) < total,
    };
    more && !empty
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_cover_every_page_once(total in 0u64..20_000_000, size in 1u32..3_000, parallel in 1u32..16) {
            let ranges = ranges(total, size, parallel);
            let pages = total.div_ceil(u64::from(size)).max(1);
            prop_assert!(ranges.len() <= MOST_RANGES as usize);
            let mut next = 1u64;
            for (index, (from, to)) in ranges.iter().enumerate() {
                prop_assert_eq!(u64::from(*from), next);
                let last = index + 1 == ranges.len();
                prop_assert_eq!(to.is_none(), last);
                next = to.map_or(pages, u64::from) + 1;
            }
            prop_assert_eq!(next, pages + 1);
        }
    }

    #[test]
    fn a_total_that_no_panel_has_makes_no_more_ranges_than_a_large_one() {
        for total in [1_000_000_000_000, u64::MAX] {
            for size in [1, 500] {
                let ranges = ranges(total, size, 4);
                assert!(ranges.len() <= MOST_RANGES as usize, "{}", ranges.len());
                assert_eq!(ranges.last().map(|(_, to)| *to), Some(None));
            }
        }
    }
}

//! What is removed and what is held, as a pure function of what was proven gone
//! and what stands in the mirror.

use common::types::sync::HoldRule;
use std::collections::{BTreeMap, BTreeSet};
use store::{Resource, ResourceCounts};
use uuid::Uuid;

/// Rows of one resource that are proven gone, and what they are judged by.
#[derive(Debug, Clone, Default)]
pub struct Proven {
    /// The rows.
    pub gone: BTreeSet<Uuid>,
    /// Live rows and rows removed lately, on the whole panel.
    pub counts: ResourceCounts,
    /// For allocations of nodes that are still there: the rows by node, judged
    /// node by node as well.
    pub by_node: BTreeMap<i64, (BTreeSet<Uuid>, ResourceCounts)>,
    /// Rows that would go with a parent that is proven gone: row to parent.
    pub with_parent: BTreeMap<Uuid, Uuid>,
}

/// Rows of one resource that stay for a human to confirm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The rows.
    pub rows: BTreeSet<Uuid>,
    /// Live rows that they were judged by.
    pub live: u64,
    /// Rows removed in the window before.
    pub recent: u64,
}

/// The outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Rows to remove, by resource.
    pub remove: BTreeMap<Resource, BTreeSet<Uuid>>,
    /// Rows to hold, by resource.
    pub held: BTreeMap<Resource, Held>,
}

/// Judges every resource, children before parents: a parent that would take
/// held rows along is held with them.
#[must_use]
pub fn decide(rule: &HoldRule, proven: &BTreeMap<Resource, Proven>) -> Decision {
    let mut decision = Decision::default();
    let mut held_parents: BTreeSet<Uuid> = BTreeSet::new();
    for resource in Resource::ALL {
        let Some(found) = proven.get(&resource) else {
            continue;
        };
        let gone: BTreeSet<Uuid> = found
            .gone
            .iter()
            .chain(found.by_node.values().flat_map(|(rows, _)| rows))
            .copied()
            .collect();
        let whole: BTreeSet<Uuid> = gone
            .iter()
            .chain(found.with_parent.keys())
            .copied()
            .collect();
        // The whole panel is judged, and each node: one of them holds all of the kind.
        let exceeded = std::iter::once((whole.len(), found.counts))
            .chain(
                found
                    .by_node
                    .values()
                    .map(|(rows, counts)| (rows.len(), *counts)),
            )
            .find(|(rows, counts)| rule.holds(*rows as u64, counts.live, counts.recent))
            .map(|(_, counts)| counts);
        let counts = exceeded.unwrap_or(found.counts);
        let (held, remove) = if exceeded.is_some() {
            held_parents.extend(found.with_parent.values());
            (whole, BTreeSet::new())
        } else {
            gone.into_iter().partition(|row| held_parents.contains(row))
        };
        if !remove.is_empty() {
            decision.remove.insert(resource, remove);
        }
        if !held.is_empty() {
            let held = Held {
                rows: held,
                live: counts.live,
                recent: counts.recent,
            };
            decision.held.insert(resource, held);
        }
    }
    decision
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> BTreeSet<Uuid> {
        (0..count).map(|_| Uuid::now_v7()).collect()
    }

    fn proven(count: usize, live: u64, recent: u64) -> Proven {
        Proven {
            gone: rows(count),
            counts: ResourceCounts { live, recent },
            ..Proven::default()
        }
    }

    fn judge(resource: Resource, found: Proven) -> Decision {
        decide(&HoldRule::default(), &BTreeMap::from([(resource, found)]))
    }

    #[test]
    fn few_removals_are_made() {
        let decision = judge(Resource::Server, proven(10, 12, 0));
        assert!(decision.held.is_empty());
        assert_eq!(decision.remove[&Resource::Server].len(), 10);
    }

    #[test]
    fn removing_everything_is_held_even_when_that_is_two_rows() {
        let decision = judge(Resource::Server, proven(2, 2, 0));
        assert!(decision.remove.is_empty());
        assert_eq!(decision.held[&Resource::Server].rows.len(), 2);
    }

    #[test]
    fn the_only_row_may_go() {
        assert!(judge(Resource::Server, proven(1, 1, 0)).held.is_empty());
    }

    #[test]
    fn removals_of_the_window_before_count_along() {
        // 100 rows a day ago, 18 gone since; three more make 21 of 100.
        assert!(judge(Resource::Server, proven(2, 82, 18)).held.is_empty());
        assert_eq!(
            judge(Resource::Server, proven(3, 82, 18)).held[&Resource::Server]
                .rows
                .len(),
            3
        );
    }

    #[test]
    fn one_node_that_loses_too_much_holds_all_allocations() {
        let found = Proven {
            counts: ResourceCounts {
                live: 500,
                recent: 0,
            },
            by_node: BTreeMap::from([
                (
                    1,
                    (
                        rows(50),
                        ResourceCounts {
                            live: 100,
                            recent: 0,
                        },
                    ),
                ),
                (
                    2,
                    (
                        rows(5),
                        ResourceCounts {
                            live: 100,
                            recent: 0,
                        },
                    ),
                ),
            ]),
            ..Proven::default()
        };
        let decision = judge(Resource::Allocation, found);
        let held = &decision.held[&Resource::Allocation];
        assert_eq!((held.rows.len(), held.live), (55, 100));
        assert!(decision.remove.is_empty());
    }

    #[test]
    fn allocations_of_all_nodes_together_are_judged_too() {
        let counts = |live| ResourceCounts { live, recent: 0 };
        let found = Proven {
            counts: counts(40),
            by_node: (1..=4).map(|node| (node, (rows(3), counts(10)))).collect(),
            ..Proven::default()
        };
        let decision = judge(Resource::Allocation, found);
        assert!(decision.remove.is_empty());
        assert_eq!(decision.held[&Resource::Allocation].rows.len(), 12);
    }

    #[test]
    fn a_parent_that_would_take_held_rows_along_is_held() {
        let (server, other) = (Uuid::now_v7(), Uuid::now_v7());
        let databases = Proven {
            with_parent: rows(12).into_iter().map(|row| (row, server)).collect(),
            counts: ResourceCounts {
                live: 20,
                recent: 0,
            },
            ..Proven::default()
        };
        let servers = Proven {
            gone: BTreeSet::from([server, other]),
            counts: ResourceCounts {
                live: 100,
                recent: 0,
            },
            ..Proven::default()
        };
        let decision = decide(
            &HoldRule::default(),
            &BTreeMap::from([(Resource::Database, databases), (Resource::Server, servers)]),
        );
        assert_eq!(
            decision.held[&Resource::Server].rows,
            BTreeSet::from([server])
        );
        assert_eq!(decision.remove[&Resource::Server], BTreeSet::from([other]));
        assert_eq!(decision.held[&Resource::Database].rows.len(), 12);
    }
}

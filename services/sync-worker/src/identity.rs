//! Is this still the panel that the mirror knows? A changed address or a
//! reinstalled panel shows other uuids under the same ids; merging it would
//! replace everything.

use common::types::sync::HoldRule;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Uuids that the panel showed and the mirror knows, under the same ids.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    compared: u64,
    different: u64,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Nothing speaks against it.
    Same,
    /// Too many known ids show another uuid.
    Other {
        /// Ids known to both.
        compared: u64,
        /// Ids with another uuid.
        different: u64,
    },
}

impl Sample {
    /// Adds what was read of one kind and what the mirror knows of it.
    pub fn compare(&mut self, shown: &[(i64, Uuid)], known: &[(i64, Uuid)]) {
        let known: BTreeMap<i64, Uuid> = known.iter().copied().collect();
        for (id, uuid) in shown {
            if let Some(stored) = known.get(id) {
                self.compared += 1;
                self.different += u64::from(stored != uuid);
            }
        }
    }

    /// Whether nothing could be compared so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.compared == 0
    }

    /// Whether it is the same panel, by the share that the hold rule allows.
    #[must_use]
    pub fn verdict(&self, rule: &HoldRule) -> Identity {
        if self.different > 0 && rule.exceeds_share(self.different, self.compared) {
            Identity::Other {
                compared: self.compared,
                different: self.different,
            }
        } else {
            Identity::Same
        }
    }
}

//! Leases that are due for renewal while they still serve.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// The names of their buckets, collected by whoever serves from them.
#[derive(Default)]
pub(super) struct Ahead {
    names: Mutex<Vec<Arc<str>>>,
    wake: Arc<Notify>,
}

impl Ahead {
    /// Adds one; the first one wakes who renews them.
    pub(super) fn push(&self, name: Arc<str>) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = names.is_empty();
        names.push(name);
        drop(names);
        if is_first {
            self.wake.notify_one();
        }
    }

    /// All of them.
    pub(super) fn take(&self) -> Vec<Arc<str>> {
        mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notified when there is a first one.
    pub(super) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }
}

//! How many requests are being answered.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts requests from their arrival until their answer begins or their asker is gone.
#[derive(Default)]
pub struct Open {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// One request that is being answered.
pub struct Opened<'a>(&'a Open);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Open {
    /// Counts a request for as long as the value lives.
    pub fn enter(&self) -> Opened<'_> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Opened(self)
    }

    /// Requests at this moment.
    pub fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    /// The most at any moment since the last [`Open::forget`].
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// Begins the count of the most anew.
    pub fn forget(&self) {
        self.most.store(self.now(), Ordering::SeqCst);
    }
}

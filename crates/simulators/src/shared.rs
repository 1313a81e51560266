//! What a simulator's handle and its server share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Something that one at a time may look at.
pub struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    /// Shares it.
    pub fn new(shared: T) -> Self {
        Self(Arc::new(Mutex::new(shared)))
    }

    /// The thing itself, for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        // A test's closure that panicked has said so already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

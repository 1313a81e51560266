//! Waiting for what happens elsewhere, bounded.

use std::fmt::Display;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(20);

/// What one look found: `Option`, or `Result` when a look that found nothing can say what it saw.
pub trait Attempt {
    /// What is waited for.
    type Found;

    /// The find, or what was seen instead.
    ///
    /// # Errors
    /// Not yet; the text describes the state seen.
    fn outcome(self) -> Result<Self::Found, String>;
}

impl<T> Attempt for Option<T> {
    type Found = T;

    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing".to_owned())
    }
}

impl<T, S: Display> Attempt for Result<T, S> {
    type Found = T;

    fn outcome(self) -> Result<T, String> {
        self.map_err(|seen| seen.to_string())
    }
}

/// Looks again and again until `look` finds something; one look at least.
///
/// # Panics
/// When `limit` passes first; the text says what was waited for and what the last look saw.
pub async fn wait_for<A: Attempt>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> A,
) -> A::Found {
    let deadline = Instant::now() + limit;
    loop {
        match look().await.outcome() {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= deadline => {
                panic!("waited {limit:?} in vain for {what}; last seen: {seen}")
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

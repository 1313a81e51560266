//! Limits that operators have set for somebody (`nodebyte limit`), as the database says.
//!
//! All of them are read every two seconds, so that each replica heeds a change soon and
//! no request waits for it. While PostgreSQL is away, what was read last holds.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use common::types::limit::Limit;
use slog::{Logger, info, warn};
use store::{RateLimitRow, Store};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Between two looks.
const RELOAD: Duration = Duration::from_secs(2);

/// Requests by limit and subject.
type Known = HashMap<Limit, HashMap<String, u32>>;

/// What is set now. Dropped, it looks no more.
pub struct Granted {
    known: Arc<RwLock<Known>>,
    looking: JoinHandle<()>,
}

impl Granted {
    /// Begins to look.
    pub fn start(store: Store, log: &Logger) -> Self {
        let known = Arc::<RwLock<Known>>::default();
        let looking = tokio::spawn(look(store, Arc::clone(&known), log.clone()));
        Self { known, looking }
    }

    /// How many requests were granted to somebody.
    pub fn of(&self, limit: Limit, subject: &str) -> Option<u32> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        of(&known, limit, subject)
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

fn of(known: &Known, limit: Limit, subject: &str) -> Option<u32> {
    known.get(&limit)?.get(subject).copied()
}

async fn look(store: Store, known: Arc<RwLock<Known>>, log: Logger) {
    let mut ticks = interval(RELOAD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_away = false;
    loop {
        ticks.tick().await;
        match store.rate_limits().await {
            Ok(rows) => {
                let read = read(&rows);
                *known.write().unwrap_or_else(PoisonError::into_inner) = read;
                if is_away {
                    info!(
                        log,
                        "rate limits that are set for somebody can be read again"
                    );
                }
                is_away = false;
            }
            Err(error) => {
                if !is_away {
                    warn!(log, "rate limits that are set for somebody cannot be read: those known hold";
                        "error" => %error);
                }
                is_away = true;
            }
        }
    }
}

/// Rows that mean nothing here, because another version wrote them, are passed over.
fn read(rows: &[RateLimitRow]) -> Known {
    let mut known = Known::new();
    for row in rows {
        let (limit, requests) = (row.limit_name.parse(), u32::try_from(row.requests));
        if let (Ok(limit), Ok(requests @ 1..)) = (limit, requests) {
            let subjects = known.entry(limit).or_default();
            subjects.insert(row.subject.clone(), requests);
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn row(limit: &str, subject: &str, requests: i64) -> RateLimitRow {
        RateLimitRow {
            limit_name: limit.to_owned(),
            subject: subject.to_owned(),
            client: None,
            requests,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_is_granted_is_for_one_limit_and_one_subject() {
        let known = read(&[
            row("game-session", "an account", 100),
            row("key", "service", 7),
        ]);
        assert_eq!(of(&known, Limit::GameSession, "an account"), Some(100));
        assert_eq!(of(&known, Limit::GameSession, "service"), None);
        assert_eq!(of(&known, Limit::Key, "service"), Some(7));
        assert_eq!(of(&known, Limit::Bearer, "service"), None);
    }

    #[test]
    fn rows_that_mean_nothing_are_passed_over() {
        let known = read(&[
            row("of tomorrow", "service", 5),
            row("key", "service", 0),
            row("key", "service", i64::MAX),
        ]);
        assert!(known.is_empty());
    }
}

//! One connection that many callers share: what they ask at the same time goes out
//! together, and nobody waits for a connection of the pool.

use crate::connection::{Cache, CacheError, count};
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{FromRedisValue, ScriptInvocation};
use futures_util::future::BoxFuture;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

/// A connection of its own, opened when it is first needed and again after a failure.
/// Clones share it.
#[derive(Clone)]
pub(crate) struct Line(Arc<Inner>);

struct Inner {
    cache: Cache,
    patience: Duration,
    /// Whose end ends the connection: not the thread that needed it first.
    home: Handle,
    current: RwLock<Option<MultiplexedConnection>>,
    /// Held by the one who connects.
    connecting: Mutex<()>,
}

/// No answer, or none in time.
pub(crate) struct Unanswered<T> {
    pub(crate) error: CacheError,
    /// The answer to a question that was sent all the same: Redis may act on it yet.
    pub(crate) late: Option<BoxFuture<'static, Result<T, CacheError>>>,
}

impl Line {
    /// Each operation, connecting included, has `patience`.
    pub(crate) fn new(cache: &Cache, patience: Duration, home: Handle) -> Self {
        Self(Arc::new(Inner {
            cache: cache.clone(),
            patience,
            home,
            current: RwLock::default(),
            connecting: Mutex::default(),
        }))
    }

    /// Runs a script; `name` is for the metrics.
    pub(crate) async fn script<T: FromRedisValue + Send + 'static>(
        &self,
        name: &'static str,
        invocation: ScriptInvocation<'static>,
    ) -> Result<T, Unanswered<T>> {
        let end = Instant::now() + self.0.patience;
        let connection = timeout_at(end, self.connection()).await;
        let (result, late) = match connection.unwrap_or(Err(CacheError::Timeout)) {
            Err(error) => (Err(error), None),
            Ok(mut connection) => {
                let mut asked: BoxFuture<'static, Result<T, CacheError>> = Box::pin(async move {
                    let answer = invocation.invoke_async(&mut connection).await;
                    answer.map_err(CacheError::Command)
                });
                match timeout_at(end, &mut asked).await {
                    Ok(result) => (result, None),
                    Err(_) => (Err(CacheError::Timeout), Some(asked)),
                }
            }
        };
        count(name, &result);
        result.map_err(|error| {
            // Whatever is wrong with it, the next one may be better.
            self.keep(None);
            Unanswered { error, late }
        })
    }

    /// Opens it, so that the first to need it need not wait.
    pub(crate) async fn open_ahead(&self) {
        // Whoever needs it then tries again.
        let _ = self.connection().await;
    }

    async fn connection(&self) -> Result<MultiplexedConnection, CacheError> {
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        // It is opened also when whoever needs it has lost patience: the next one has it.
        let line = self.clone();
        let opened = self.0.home.spawn(async move { line.open().await });
        opened.await.map_err(CacheError::Ended).flatten()
    }

    async fn open(&self) -> Result<MultiplexedConnection, CacheError> {
        let _one_at_a_time = self.0.connecting.lock().await;
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let connection = self.0.cache.detached().await?;
        self.keep(Some(connection.clone()));
        Ok(connection)
    }

    fn current(&self) -> Option<MultiplexedConnection> {
        let current = self.0.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, connection: Option<MultiplexedConnection>) {
        let current = self.0.current.write();
        *current.unwrap_or_else(PoisonError::into_inner) = connection;
    }
}

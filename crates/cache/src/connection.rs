//! The pool, and the one way in which commands reach Redis.

use deadpool_redis::redis::aio::{MultiplexedConnection, PubSub};
use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, FromRedisValue, RedisError, ScriptInvocation, cmd,
};
use deadpool_redis::{BuildError, Connection, Manager, Pool, PoolError, Runtime};
use secrecy::{ExposeSecret, SecretString};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinError;
use tokio::time::timeout;

/// How to reach Redis, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `redis://` or `rediss://` address.
    pub url: SecretString,
    /// Stands before every key and channel, so that installations and tests can
    /// share a server; by custom it ends in a colon.
    pub prefix: String,
    /// How long one operation may take, connecting included: what Redis does not
    /// answer in that time is done without it.
    pub operation_timeout: Duration,
    /// The most connections that one process opens for operations.
    pub connections: usize,
}

impl Settings {
    /// The defaults for `url`: prefix `nodebyte:`, 250 ms, 16 connections.
    #[must_use]
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            prefix: "nodebyte:".to_owned(),
            operation_timeout: Duration::from_millis(250),
            connections: 16,
        }
    }
}

/// Why Redis was no help.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The address is none.
    #[error("the address of Redis cannot be used")]
    Address(#[source] RedisError),
    /// The pool could not be made.
    #[error("the pool of Redis connections cannot be built")]
    Build(#[source] BuildError),
    /// No connection could be had.
    #[error("there is no connection to Redis")]
    Connect(#[source] PoolError),
    /// The operation took longer than it may.
    #[error("Redis did not answer in time")]
    Timeout,
    /// Redis answered with an error, or the connection broke.
    #[error("Redis failed")]
    Command(#[source] RedisError),
    /// The process is ending.
    #[error("the connection to Redis was given up")]
    Ended(#[source] JoinError),
}

/// A lazily connected pool; clones share it.
#[derive(Clone)]
pub struct Cache {
    pool: Pool,
    client: Client,
    prefix: Arc<str>,
    operation_timeout: Duration,
}

impl Cache {
    /// Prepares the pool and opens no connection: Redis may be away.
    ///
    /// # Errors
    /// When the address is none.
    pub fn connect(settings: &Settings) -> Result<Self, CacheError> {
        let limit = settings.operation_timeout;
        let client = Client::open(settings.url.expose_secret()).map_err(CacheError::Address)?;
        let connection = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limit))
            .set_response_timeout(Some(limit));
        let manager = Manager::new_with_config(client.get_connection_info().clone(), connection)
            .map_err(CacheError::Address)?;
        let pool = Pool::builder(manager)
            .runtime(Runtime::Tokio1)
            .max_size(settings.connections)
            .wait_timeout(Some(limit))
            .create_timeout(Some(limit))
            .recycle_timeout(Some(limit))
            .build()
            .map_err(CacheError::Build)?;
        Ok(Self {
            pool,
            client,
            prefix: settings.prefix.as_str().into(),
            operation_timeout: limit,
        })
    }

    /// Whether Redis answers now: a readiness probe.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), CacheError> {
        self.run("ping", async |connection| {
            cmd("PING").query_async(connection).await
        })
        .await
    }

    /// A key or channel of this installation.
    pub(crate) fn key(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    /// Runs a script; `name` is for the metrics.
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        name: &'static str,
        invocation: &ScriptInvocation<'_>,
    ) -> Result<T, CacheError> {
        self.run(name, async |connection| {
            invocation.invoke_async(connection).await
        })
        .await
    }

    /// Runs `operation` on a pooled connection, all within the timeout.
    pub(crate) async fn run<T>(
        &self,
        name: &'static str,
        operation: impl AsyncFnOnce(&mut MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T, CacheError> {
        let result = self
            .bounded(async {
                let mut connection = self.pool.get().await.map_err(CacheError::Connect)?;
                operation(&mut connection)
                    .await
                    .map_err(CacheError::Command)
            })
            .await;
        count(name, &result);
        result
    }

    /// A connection that no longer belongs to the pool.
    pub(crate) async fn detached(&self) -> Result<MultiplexedConnection, CacheError> {
        self.bounded(async { self.pool.get().await.map_err(CacheError::Connect) })
            .await
            .map(Connection::take)
    }

    /// A connection of its own that can subscribe to channels.
    pub(crate) async fn pubsub(&self) -> Result<PubSub, CacheError> {
        self.bounded(async {
            self.client
                .get_async_pubsub()
                .await
                .map_err(CacheError::Command)
        })
        .await
    }

    pub(crate) async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, CacheError>>,
    ) -> Result<T, CacheError> {
        timeout(self.operation_timeout, work)
            .await
            .unwrap_or(Err(CacheError::Timeout))
    }
}

/// Says in the figures how an operation ended.
pub(crate) fn count<T>(name: &'static str, result: &Result<T, CacheError>) {
    let outcome = match result {
        Ok(_) => "ok",
        Err(CacheError::Timeout) => "timeout",
        Err(_) => "error",
    };
    metrics::counter!("nodebyte_cache_operations_total", "operation" => name, "outcome" => outcome)
        .increment(1);
}

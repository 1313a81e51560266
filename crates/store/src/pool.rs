//! The pool of connections and the handle that everything else hangs on.

use crate::error::StoreError;
use deadpool::Runtime;
use deadpool::managed::QueueMode;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::Text;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a transaction may stand open between two statements. One that is
/// longer belongs to a process that is paused or cut off, and PostgreSQL ends it:
/// its locks would keep every other worker from taking the task over.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(5);

/// Settings of the connection for statements that are asked hundreds of times a second.
/// PostgreSQL would plan them anew each time, since for arrays it takes the plan of the values
/// at hand for the cheaper one, and that costs more than the statement itself. Each finds few
/// rows by their keys, so that indexes are never wrong.
const PLANS_ONCE: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off \
    -c enable_bitmapscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

/// After so long plans are made anew: one that was made while a table was empty may read all
/// of an index, which then is thousands of times too much.
const PLANS_LAST: Duration = Duration::from_secs(5);

/// Silence after which a connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How to reach PostgreSQL.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `postgres://user:password@host:port/database`; `?sslmode=require` turns
    /// TLS on (verified against the system's certificates).
    pub url: SecretString,
    /// Connections at most.
    pub pool_size: usize,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// The longest a single statement may take.
    pub statement_timeout: Duration,
    /// Shown in `pg_stat_activity`.
    pub application_name: &'static str,
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool<AsyncPgConnection>,
    /// One connection.
    plans_once: Pool<AsyncPgConnection>,
    /// When its plans were made.
    planned: Arc<Mutex<Instant>>,
    pub(crate) settings: Settings,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    server_version: String,
}

pub(crate) type Connection = AsyncPgConnection;

impl Store {
    /// Makes the pool; connections are opened when they are needed, so that a
    /// process starts while PostgreSQL is away.
    ///
    /// # Errors
    /// When the pool's settings are refused.
    pub fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let pool = pool(settings, settings.pool_size, "")?;
        let plans_once = self::pool(settings, 1, PLANS_ONCE)?;
        Ok(Self {
            pool,
            plans_once,
            planned: Arc::new(Mutex::new(Instant::now())),
            settings: settings.clone(),
        })
    }

    /// Proves that PostgreSQL answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query("SELECT 1").execute(&mut conn).await?;
        Ok(())
    }

    /// The version that PostgreSQL says it is of.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn server_version(&self) -> Result<String, StoreError> {
        let mut conn = self.conn().await?;
        let version: Version =
            sql_query("SELECT current_setting('server_version') AS server_version")
                .get_result(&mut conn)
                .await?;
        Ok(version.server_version)
    }

    /// For transactions of few statements that are asked hundreds of times a second, each of
    /// which finds few rows by their keys. There is one.
    pub(crate) async fn conn_that_plans_once(
        &self,
    ) -> Result<Object<AsyncPgConnection>, StoreError> {
        let mut conn = self
            .plans_once
            .get()
            .await
            .map_err(|error| StoreError::Pool(Box::new(error)))?;
        if self.plans_are_old() {
            conn.batch_execute("DISCARD PLANS").await?;
        }
        Ok(conn)
    }

    /// Takes it that they are made now if so.
    fn plans_are_old(&self) -> bool {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let old = planned.elapsed() > PLANS_LAST;
        if old {
            *planned = Instant::now();
        }
        old
    }

    pub(crate) async fn conn(&self) -> Result<Object<AsyncPgConnection>, StoreError> {
        self.pool
            .get()
            .await
            .map_err(|error| StoreError::Pool(Box::new(error)))
    }
}

fn pool(
    settings: &Settings,
    size: usize,
    options: &'static str,
) -> Result<Pool<AsyncPgConnection>, StoreError> {
    let session = settings.clone();
    let mut manager = ManagerConfig::default();
    // A connection that broke meanwhile is known to be broken; asking each time would cost a
    // statement for every piece of work.
    manager.recycling_method = RecyclingMethod::Fast;
    manager.custom_setup = Box::new(move |url| {
        let url = url.to_owned();
        let session = session.clone();
        async move { establish(&url, &session, options).await }.boxed()
    });
    let manager =
        AsyncDieselConnectionManager::new_with_config(settings.url.expose_secret(), manager);
    Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(settings.connect_timeout))
        .create_timeout(Some(settings.connect_timeout))
        .recycle_timeout(Some(settings.connect_timeout))
        .runtime(Runtime::Tokio1)
        // The one that was used last: each keeps buffers as large as its largest statement,
        // and taking turns would give all of them such.
        .queue_mode(QueueMode::Lifo)
        .build()
        .map_err(|error| StoreError::Pool(Box::new(error)))
}

async fn establish(
    url: &str,
    settings: &Settings,
    options: &str,
) -> diesel::ConnectionResult<AsyncPgConnection> {
    let mut config = parse(url, settings).map_err(|error| bad(&error))?;
    let usual = config.get_options().unwrap_or_default().to_owned();
    config.options(format!("{usual} {options}"));
    let mut connection = match config.get_ssl_mode() {
        tokio_postgres::config::SslMode::Disable | tokio_postgres::config::SslMode::Prefer => {
            let (client, driver) = config
                .connect(tokio_postgres::NoTls)
                .await
                .map_err(|error| bad(&error))?;
            AsyncPgConnection::try_from_client_and_connection(client, driver).await?
        }
        _ => {
            let (client, driver) = config.connect(tls()).await.map_err(|error| bad(&error))?;
            AsyncPgConnection::try_from_client_and_connection(client, driver).await?
        }
    };
    connection
        .batch_execute("SET TIME ZONE 'UTC'")
        .await
        .map_err(|error| bad(&error))?;
    Ok(connection)
}

/// diesel takes a reason as one text; PostgreSQL's own words ("no such database",
/// "password authentication failed") are the source of what tokio-postgres says.
fn bad(error: &dyn std::error::Error) -> diesel::ConnectionError {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        source = error.source();
    }
    diesel::ConnectionError::BadConnection(reason)
}

pub(crate) fn parse(
    url: &str,
    settings: &Settings,
) -> Result<tokio_postgres::Config, tokio_postgres::Error> {
    let mut config: tokio_postgres::Config = url.parse()?;
    config
        .application_name(settings.application_name)
        .connect_timeout(settings.connect_timeout)
        // A server that is silently gone is noticed while we wait for it, too.
        .tcp_user_timeout(settings.connect_timeout)
        .keepalives_idle(KEEPALIVE)
        .options(format!(
            "-c statement_timeout={} -c idle_in_transaction_session_timeout={}",
            settings.statement_timeout.as_millis(),
            IDLE_IN_TRANSACTION.as_millis()
        ));
    Ok(config)
}

pub(crate) fn tls() -> tokio_postgres_rustls::MakeRustlsConnect {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // A certificate that rustls cannot read cannot be trusted either.
        roots.add(certificate).ok();
    }
    tokio_postgres_rustls::MakeRustlsConnect::new(
        rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

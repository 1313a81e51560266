//! The embedded migrations.

use crate::error::StoreError;
use crate::pool::Store;
use diesel::sql_query;
use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// Any number that nothing else locks with.
const MIGRATION_LOCK: i64 = 0x006e_6f64_6562_7974;

type Harness = AsyncMigrationHarness<Object<AsyncPgConnection>>;

/// What migrating did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// Versions applied or reverted, in order.
    pub versions: Vec<String>,
}

impl Store {
    /// Applies what is missing. Safe from many replicas at once: one works, the
    /// others wait and then find nothing to do. Needs a multi-threaded runtime.
    ///
    /// # Errors
    /// When a migration fails; earlier ones stay applied.
    pub async fn migrate(&self) -> Result<MigrationReport, StoreError> {
        self.with_migrations(|harness| {
            harness
                .run_pending_migrations(MIGRATIONS)
                .map(|versions| versions.iter().map(ToString::to_string).collect())
        })
        .await
    }

    /// Reverts every migration: for `cargo xtask check` and for tests.
    ///
    /// # Errors
    /// When a `down.sql` fails.
    pub async fn revert_all(&self) -> Result<MigrationReport, StoreError> {
        self.with_migrations(|harness| {
            harness
                .revert_all_migrations(MIGRATIONS)
                .map(|versions| versions.iter().map(ToString::to_string).collect())
        })
        .await
    }

    async fn with_migrations(
        &self,
        work: impl FnOnce(&mut Harness) -> diesel::migration::Result<Vec<String>> + Send + 'static,
    ) -> Result<MigrationReport, StoreError> {
        let mut conn = self.conn().await?;
        sql_query("SET statement_timeout = 0")
            .execute(&mut conn)
            .await?;
        sql_query("SELECT pg_advisory_lock($1)")
            .bind::<diesel::sql_types::BigInt, _>(MIGRATION_LOCK)
            .execute(&mut conn)
            .await?;
        let mut harness = AsyncMigrationHarness::new(conn);
        let (outcome, harness) = tokio::task::spawn_blocking(move || {
            let outcome = work(&mut harness);
            (outcome, harness)
        })
        .await
        .map_err(|error| StoreError::Migration(Box::new(error)))?;
        let mut conn = harness.into_inner();
        sql_query("SELECT pg_advisory_unlock($1)")
            .bind::<diesel::sql_types::BigInt, _>(MIGRATION_LOCK)
            .execute(&mut conn)
            .await?;
        sql_query("RESET statement_timeout")
            .execute(&mut conn)
            .await?;
        Ok(MigrationReport {
            versions: outcome.map_err(StoreError::Migration)?,
        })
    }
}

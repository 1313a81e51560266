//! What is old enough to go, in small batches.

use crate::error::StoreError;
use crate::mirror::tables::ALL;
use crate::pool::Store;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double};
use diesel_async::RunQueryDsl;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Ended runs with their logs and errors.
    pub runs: Duration,
    /// Removed rows of the mirror.
    pub removed_rows: Duration,
    /// Published outbox rows, inbox rows, idempotency keys of dispatched events, and tokens and
    /// their keys that count no longer.
    pub messages: Duration,
    /// Rows deleted in one statement.
    pub batch: i64,
}

/// Rows deleted, table by table.
pub type Cleaned = BTreeMap<String, u64>;

impl Store {
    /// Deletes what has passed its time, in batches, children first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; what was deleted stays deleted.
    pub async fn clean_up(&self, retention: Retention) -> Result<Cleaned, StoreError> {
        let mut cleaned = Cleaned::new();
        for table in ["sync_seen", "sync_missing", "sync_replaced"] {
            let rows = self
                .delete(&format!(
                    "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT s.ctid FROM {table} s \
                       JOIN sync_runs r ON r.id = s.run_id WHERE r.completed_at IS NOT NULL AND $1 >= 0 LIMIT $2))"
                ), Duration::ZERO, retention.batch)
                .await?;
            cleaned.insert(table.to_owned(), rows);
        }
        for (table, condition, keep) in [
            (
                "sync_tasks",
                "run_id IN (SELECT id FROM sync_runs WHERE completed_at < now() - make_interval(secs => $1))",
                retention.runs,
            ),
            (
                "sync_runs",
                "completed_at < now() - make_interval(secs => $1)",
                retention.runs,
            ),
            (
                "outbox",
                "published_at < now() - make_interval(secs => $1)",
                retention.messages,
            ),
            (
                "inbox",
                "received_at < now() - make_interval(secs => $1)",
                retention.messages,
            ),
            (
                "dispatches",
                "created_at < now() - make_interval(secs => $1)",
                retention.messages,
            ),
            (
                "access_tokens",
                "expires_at < now() - make_interval(secs => $1)",
                retention.messages,
            ),
            (
                "signing_keys",
                "published_until < now() - make_interval(secs => $1)",
                retention.messages,
            ),
        ] {
            let rows = self
                .delete_where(table, condition, keep, retention.batch)
                .await?;
            cleaned.insert(table.to_owned(), rows);
        }
        for table in ALL.iter().rev() {
            let condition = "removed_at < now() - make_interval(secs => $1)";
            let rows = self
                .delete_where(
                    table.name,
                    condition,
                    retention.removed_rows,
                    retention.batch,
                )
                .await?;
            cleaned.insert(table.name.to_owned(), rows);
        }
        Ok(cleaned)
    }

    /// The condition stands twice: a row that changes while the statement runs (a
    /// removed one that is restored) is looked at again, and stays.
    async fn delete_where(
        &self,
        table: &str,
        condition: &str,
        keep: Duration,
        batch: i64,
    ) -> Result<u64, StoreError> {
        let statement = format!(
            "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {condition} LIMIT $2)) \
               AND {condition}"
        );
        self.delete(&statement, keep, batch).await
    }

    async fn delete(&self, statement: &str, keep: Duration, batch: i64) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let mut conn = self.conn().await?;
            let rows = sql_query(statement)
                .bind::<Double, _>(keep.as_secs_f64())
                .bind::<BigInt, _>(batch)
                .execute(&mut conn)
                .await?;
            deleted += rows as u64;
            if (rows as i64) < batch {
                return Ok(deleted);
            }
        }
    }
}

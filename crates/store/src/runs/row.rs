//! A run as it is stored, and what is read of it.

use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::id::RunId;
use common::types::sync::{Kind, RunStatus, Target};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{
    Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A run, as stored.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct RunRow {
    /// The run's id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The panel it mirrors.
    #[diesel(sql_type = SqlUuid)]
    pub panel_id: Uuid,
    /// `full` or a kind's name.
    #[diesel(sql_type = Text)]
    pub target: String,
    /// Names of the kinds it mirrors.
    #[diesel(sql_type = Array<Text>)]
    pub kinds: Vec<String>,
    /// See [`RunStatus`].
    #[diesel(sql_type = Text)]
    pub status: String,
    /// Who asked for it.
    #[diesel(sql_type = Text)]
    pub requested_by: String,
    /// The run whose held removals it confirms.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub confirms_run_id: Option<Uuid>,
    /// Grows with every change of this row.
    #[diesel(sql_type = BigInt)]
    pub revision: i64,
    /// What is worked on.
    #[diesel(sql_type = Text)]
    pub step: String,
    /// 0 to 100; never falls; 100 only when COMPLETED.
    #[diesel(sql_type = Integer)]
    pub percentage: i32,
    /// Rows that the panel is known to have.
    #[diesel(sql_type = BigInt)]
    pub items_total: i64,
    /// Rows that are as the panel shows them.
    #[diesel(sql_type = BigInt)]
    pub items_synced: i64,
    /// Rows that were skipped.
    #[diesel(sql_type = BigInt)]
    pub items_failed: i64,
    /// Requests made to the panel.
    #[diesel(sql_type = BigInt)]
    pub requests: i64,
    /// A sentence for people.
    #[diesel(sql_type = Text)]
    pub last_message: String,
    /// The step that failed.
    #[diesel(sql_type = Nullable<Text>)]
    pub failed_step: Option<String>,
    /// Why it failed.
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
    /// Removals held back, with the evidence.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub held: Option<Value>,
    /// When it was asked for.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When work began.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub started_at: Option<DateTime<Utc>>,
    /// Last change.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub completed_at: Option<DateTime<Utc>>,
}

impl RunRow {
    /// The typed id.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        RunId(self.id)
    }

    /// The typed status.
    ///
    /// # Errors
    /// When the stored text is unknown.
    pub fn run_status(&self) -> Result<RunStatus, StoreError> {
        self.status
            .parse()
            .map_err(|_unknown| StoreError::Corrupt(self.status.clone()))
    }
}

pub(super) const COLUMNS: &str = "id, panel_id, target, kinds, status, requested_by, confirms_run_id, revision, step, \
    percentage, items_total, items_synced, items_failed, requests, last_message, failed_step, error, held, \
    created_at, started_at, updated_at, completed_at";

/// Whether what a run `r` held back can still be confirmed: it has ended, and no
/// later run has listed any of the kinds.
pub(super) const OPEN_HOLD: &str = "jsonb_typeof(r.held) = 'object' AND r.completed_at IS NOT NULL \
    AND NOT EXISTS (SELECT 1 FROM jsonb_object_keys(r.held) AS h (kind) \
      JOIN panel_kinds k ON k.panel_id = r.panel_id AND k.kind = h.kind \
      WHERE k.last_run_id <> r.id AND k.last_listed_at > r.completed_at)";

/// One kind's share of a run.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct RunKind {
    /// The step: a kind, `plan` or `reconcile`.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Tasks in all.
    #[diesel(sql_type = BigInt)]
    pub tasks: i64,
    /// Tasks that are done.
    #[diesel(sql_type = BigInt)]
    pub done: i64,
    /// Tasks that failed.
    #[diesel(sql_type = BigInt)]
    pub failed_tasks: i64,
    /// Rows known.
    #[diesel(sql_type = BigInt)]
    pub items_total: i64,
    /// Rows as the panel shows them.
    #[diesel(sql_type = BigInt)]
    pub items_synced: i64,
    /// Rows skipped.
    #[diesel(sql_type = BigInt)]
    pub items_failed: i64,
    /// Why the first failed task failed.
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct LogLine {
    /// `info`, `warning` or `error`.
    #[diesel(sql_type = Text)]
    pub level: String,
    /// A sentence.
    #[diesel(sql_type = Text)]
    pub message: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

/// A record that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct RunError {
    /// The kind.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// The node of allocations, else 0.
    #[diesel(sql_type = BigInt)]
    pub scope: i64,
    /// Position in the listing, counted from 0.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub position: Option<i64>,
    /// The panel's id, where it is known.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub remote_id: Option<i64>,
    /// What is wrong.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

impl Store {
    /// A run by its id.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run(&self, id: RunId) -> Result<Option<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        find(&mut conn, id).await
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn runs(
        &self,
        target: Option<Target>,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {COLUMNS} FROM sync_runs WHERE $1 IS NULL OR target = $1 \
             ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3"
        ))
        .bind::<Nullable<Text>, _>(target.map(Target::as_str))
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(offset)
        .load(&mut conn)
        .await?)
    }

    /// The newest run of each target.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn runs_latest(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT DISTINCT ON (target) {COLUMNS} FROM sync_runs ORDER BY target, created_at DESC, id DESC"
        ))
        .load(&mut conn)
        .await?)
    }

    /// Runs that have not ended.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn runs_open(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {COLUMNS} FROM sync_runs WHERE status IN ('PENDING', 'RUNNING') ORDER BY created_at, id"
        ))
        .load(&mut conn)
        .await?)
    }

    /// Runs whose holds can still be confirmed, newest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn runs_with_open_holds(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {COLUMNS} FROM sync_runs r WHERE {OPEN_HOLD} ORDER BY created_at DESC, id DESC"
        ))
        .load(&mut conn)
        .await?)
    }

    /// The steps of a run, summed up from its tasks.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_kinds(&self, id: RunId) -> Result<Vec<RunKind>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT kind, count(*) AS tasks, count(*) FILTER (WHERE state = 'done') AS done, \
               count(*) FILTER (WHERE state = 'failed') AS failed_tasks, \
               COALESCE(sum(items_total), 0)::bigint AS items_total, \
               COALESCE(sum(items_synced), 0)::bigint AS items_synced, \
               COALESCE(sum(items_failed), 0)::bigint AS items_failed, min(error) AS error \
             FROM sync_tasks WHERE run_id = $1 GROUP BY kind ORDER BY min(stage), min(ordinal)",
        )
        .bind::<SqlUuid, _>(id.0)
        .load(&mut conn)
        .await?)
    }

    /// A run's log, oldest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_logs(&self, id: RunId) -> Result<Vec<LogLine>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT level, message, created_at FROM sync_logs WHERE run_id = $1 ORDER BY id",
        )
        .bind::<SqlUuid, _>(id.0)
        .load(&mut conn)
        .await?)
    }

    /// Records that a run skipped.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_errors(&self, id: RunId, limit: i64) -> Result<Vec<RunError>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT kind, scope, position, remote_id, reason, created_at FROM sync_errors \
             WHERE run_id = $1 ORDER BY id LIMIT $2",
        )
        .bind::<SqlUuid, _>(id.0)
        .bind::<BigInt, _>(limit)
        .load(&mut conn)
        .await?)
    }
}

pub(super) async fn find(conn: &mut Connection, id: RunId) -> Result<Option<RunRow>, StoreError> {
    let rows: Vec<RunRow> = sql_query(format!("SELECT {COLUMNS} FROM sync_runs WHERE id = $1"))
        .bind::<SqlUuid, _>(id.0)
        .load(conn)
        .await?;
    Ok(rows.into_iter().next())
}

pub(super) fn kinds_of(run: &RunRow) -> BTreeSet<Kind> {
    run.kinds
        .iter()
        .filter_map(|kind| kind.parse().ok())
        .collect()
}

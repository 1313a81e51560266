//! How runs are asked for, confirmed and started.

use super::row::{COLUMNS, OPEN_HOLD, RunRow, find, kinds_of};
use super::{log, run_event};
use crate::error::StoreError;
use crate::inbox::{self, InboxEntry, Receipt};
use crate::outbox::{Outgoing, say};
use crate::pool::{Connection, Store};
use crate::tasks::{NewTask, insert_tasks};
use common::types::event::EventType;
use common::types::id::{PanelId, RunId};
use common::types::message::Command;
use common::types::sync::{Kind, RunStatus, Target};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, Double, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

/// A run that is asked for.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The panel.
    pub panel: PanelId,
    /// Everything or one kind.
    pub target: Target,
    /// Leaves the users out of a full run.
    pub skip_users: bool,
    /// Who asks.
    pub requested_by: String,
    /// Id of the HTTP request, for the logs of all services.
    pub request_id: Option<String>,
}

/// The run that answers a trigger.
#[derive(Debug, Clone, PartialEq)]
pub struct Triggered {
    /// A new run, or the one that covers what was asked for.
    pub run: RunRow,
    /// Whether it is new.
    pub new: bool,
}

/// What became of a confirmation.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "made once a request")]
pub enum ConfirmOutcome {
    /// A run that looks again has been asked for.
    Started(RunRow),
    /// The run held nothing back, or has not ended.
    NothingHeld,
    /// A later run has listed the kind: confirm that one's holds.
    Superseded,
    /// There is no such run.
    Unknown,
}

impl Store {
    /// Asks for a run. A waiting or running run that covers the same kinds
    /// answers instead of a new one. The wake-up command goes out with the same
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a panel; when PostgreSQL cannot be
    /// asked.
    pub async fn run_trigger(&self, new: &NewRun) -> Result<Triggered, StoreError> {
        let kinds = new.target.kinds(new.skip_users);
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_panel(conn, new.panel).await?;
            let covering = open_runs(conn, new.panel)
                .await?
                .into_iter()
                .find(|run| run.confirms_run_id.is_none() && kinds_of(run).is_superset(&kinds));
            if let Some(run) = covering {
                return Ok(Triggered { run, new: false });
            }
            let run = insert_run(conn, new, &kinds, None).await?;
            Ok(Triggered { run, new: true })
        })
        .await
    }

    /// Asks for a run, as [`run_trigger`](Self::run_trigger) does, unless one with this target
    /// was asked for within this time, by whomever, or one that covers it is open. However
    /// many ask at once, one of them is answered with the run.
    ///
    /// # Errors
    /// As [`run_trigger`](Self::run_trigger).
    pub async fn run_trigger_due(
        &self,
        new: &NewRun,
        interval: Duration,
    ) -> Result<Option<RunRow>, StoreError> {
        let kinds = new.target.kinds(new.skip_users);
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            // Nearly always there is nothing to do, and nobody need wait for that.
            if is_recent(conn, new, interval).await? {
                return Ok(None);
            }
            lock_panel(conn, new.panel).await?;
            let open = open_runs(conn, new.panel).await?;
            let is_covered = open.iter().any(|run| kinds_of(run).is_superset(&kinds));
            if is_covered || is_recent(conn, new, interval).await? {
                return Ok(None);
            }
            insert_run(conn, new, &kinds, None).await.map(Some)
        })
        .await
    }

    /// Asks for a run that looks again at what a run held back, and removes what
    /// is still missing.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_confirm(
        &self,
        held: RunId,
        requested_by: &str,
        request_id: Option<&str>,
    ) -> Result<ConfirmOutcome, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let Some(run) = find(conn, held).await? else {
                return Ok(ConfirmOutcome::Unknown);
            };
            lock_panel(conn, PanelId(run.panel_id)).await?;
            if run.held.is_none() || !run.run_status()?.is_final() {
                return Ok(ConfirmOutcome::NothingHeld);
            }
            let kinds = held_kinds(&run);
            if !stands_open(conn, held).await? {
                return Ok(ConfirmOutcome::Superseded);
            }
            let open = open_runs(conn, PanelId(run.panel_id)).await?;
            if let Some(asked) = open
                .into_iter()
                .find(|open| open.confirms_run_id == Some(held.0))
            {
                return Ok(ConfirmOutcome::Started(asked));
            }
            let new = NewRun {
                panel: PanelId(run.panel_id),
                target: run.target.parse().unwrap_or(Target::Full),
                skip_users: false,
                requested_by: requested_by.to_owned(),
                request_id: request_id.map(ToOwned::to_owned),
            };
            Ok(ConfirmOutcome::Started(
                insert_run(conn, &new, &kinds, Some(held)).await?,
            ))
        })
        .await
    }

    /// Starts every waiting run that shares no kind with a running one of its
    /// panel, oldest first, and answers the started ones.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_start_waiting(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        let mut started = Vec::new();
        for PanelOnly { panel_id } in waiting_panels(&mut conn).await? {
            let runs = conn
                .transaction(async move |conn| start_waiting(conn, PanelId(panel_id)).await)
                .await?;
            started.extend(runs);
        }
        Ok(started)
    }

    /// What a wake-up does: [`Self::run_start_waiting`] in the one transaction
    /// that records the message, and nothing if it was recorded before.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; the message is not recorded then.
    pub async fn run_wake(&self, entry: Option<InboxEntry>) -> Result<Receipt, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            if let Some(entry) = entry
                && inbox::record(conn, entry).await? == Receipt::Repeated
            {
                return Ok(Receipt::Repeated);
            }
            for PanelOnly { panel_id } in waiting_panels(conn).await? {
                start_waiting(conn, PanelId(panel_id)).await?;
            }
            Ok(Receipt::New)
        })
        .await
    }
}

/// In an order that all who lock several of them share.
async fn waiting_panels(conn: &mut Connection) -> Result<Vec<PanelOnly>, StoreError> {
    Ok(sql_query(
        "SELECT DISTINCT panel_id FROM sync_runs WHERE status = 'PENDING' ORDER BY panel_id",
    )
    .load(conn)
    .await?)
}

#[derive(QueryableByName)]
struct PanelOnly {
    #[diesel(sql_type = SqlUuid)]
    panel_id: Uuid,
}

/// Starting, asking for and cancelling runs of a panel take turns.
pub(super) async fn lock_panel(conn: &mut Connection, panel: PanelId) -> Result<(), StoreError> {
    let found: Vec<PanelOnly> =
        sql_query("SELECT id AS panel_id FROM panels WHERE id = $1 FOR NO KEY UPDATE")
            .bind::<SqlUuid, _>(panel.0)
            .load(conn)
            .await?;
    if found.is_empty() {
        Err(StoreError::NotFound("panel"))
    } else {
        Ok(())
    }
}

async fn open_runs(conn: &mut Connection, panel: PanelId) -> Result<Vec<RunRow>, StoreError> {
    Ok(sql_query(format!(
        "SELECT {COLUMNS} FROM sync_runs WHERE panel_id = $1 AND status IN ('PENDING', 'RUNNING') \
         ORDER BY created_at, id"
    ))
    .bind::<SqlUuid, _>(panel.0)
    .load(conn)
    .await?)
}

async fn is_recent(
    conn: &mut Connection,
    new: &NewRun,
    interval: Duration,
) -> Result<bool, StoreError> {
    let rows: Vec<PanelOnly> = sql_query(
        "SELECT panel_id FROM sync_runs WHERE panel_id = $1 AND target = $2 AND confirms_run_id IS NULL \
         AND created_at > now() - make_interval(secs => $3) LIMIT 1",
    )
    .bind::<SqlUuid, _>(new.panel.0)
    .bind::<Text, _>(new.target.as_str())
    .bind::<Double, _>(interval.as_secs_f64())
    .load(conn)
    .await?;
    Ok(!rows.is_empty())
}

/// `held` is an object with one entry a kind.
fn held_kinds(run: &RunRow) -> BTreeSet<Kind> {
    run.held
        .as_ref()
        .and_then(Value::as_object)
        .map(|held| held.keys().filter_map(|kind| kind.parse().ok()).collect())
        .unwrap_or_default()
}

async fn stands_open(conn: &mut Connection, run: RunId) -> Result<bool, StoreError> {
    let rows: Vec<PanelOnly> = sql_query(format!(
        "SELECT panel_id FROM sync_runs r WHERE r.id = $1 AND {OPEN_HOLD}"
    ))
    .bind::<SqlUuid, _>(run.0)
    .load(conn)
    .await?;
    Ok(!rows.is_empty())
}

async fn insert_run(
    conn: &mut Connection,
    new: &NewRun,
    kinds: &BTreeSet<Kind>,
    confirms: Option<RunId>,
) -> Result<RunRow, StoreError> {
    let id = RunId::new();
    let run: RunRow = sql_query(format!(
        "INSERT INTO sync_runs (id, panel_id, target, kinds, status, requested_by, request_id, confirms_run_id) \
         VALUES ($1, $2, $3, $4, 'PENDING', $5, $6, $7) RETURNING {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(id.0)
    .bind::<SqlUuid, _>(new.panel.0)
    .bind::<Text, _>(new.target.as_str())
    .bind::<Array<Text>, _>(kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>())
    .bind::<Text, _>(&new.requested_by)
    .bind::<Nullable<Text>, _>(&new.request_id)
    .bind::<Nullable<SqlUuid>, _>(confirms.map(|run| run.0))
    .get_result(conn)
    .await?;
    log(
        conn,
        id,
        "info",
        &format!("requested by {}", new.requested_by),
    )
    .await?;
    let command = Command::SyncRunV1 { run_id: id };
    let wake = Outgoing::command(&command, id.to_string(), new.request_id.as_deref());
    say(conn, vec![wake]).await?;
    Ok(run)
}

async fn start_waiting(conn: &mut Connection, panel: PanelId) -> Result<Vec<RunRow>, StoreError> {
    lock_panel(conn, panel).await?;
    let mut taken: BTreeSet<Kind> = BTreeSet::new();
    let mut started = Vec::new();
    for run in open_runs(conn, panel).await? {
        let kinds = kinds_of(&run);
        // A waiting run keeps its place: later ones that share a kind stay behind.
        let free = taken.is_disjoint(&kinds);
        taken.extend(&kinds);
        if run.run_status()? == RunStatus::Running || !free {
            continue;
        }
        let running_shares = open_running_shares(conn, panel, &run).await?;
        if running_shares {
            continue;
        }
        let run: RunRow = sql_query(format!(
            "UPDATE sync_runs SET status = 'RUNNING', started_at = now(), progressed_at = now(), \
               updated_at = now(), revision = revision + 1 WHERE id = $1 AND status = 'PENDING' RETURNING {COLUMNS}"
        ))
        .bind::<SqlUuid, _>(run.id)
        .get_result(conn)
        .await?;
        let plan = NewTask {
            kind: "plan".to_owned(),
            stage: 0,
            ordinal: 0,
            work: json!({}),
            items_total: 0,
        };
        insert_tasks(conn, run.run_id(), &[plan]).await?;
        say(
            conn,
            vec![run_event(&run, EventType::SyncStarted, json!({}))],
        )
        .await?;
        log(conn, run.run_id(), "info", "started").await?;
        started.push(run);
    }
    Ok(started)
}

async fn open_running_shares(
    conn: &mut Connection,
    panel: PanelId,
    run: &RunRow,
) -> Result<bool, StoreError> {
    let rows: Vec<PanelOnly> = sql_query(
        "SELECT panel_id FROM sync_runs WHERE panel_id = $1 AND status = 'RUNNING' AND kinds && $2 LIMIT 1",
    )
    .bind::<SqlUuid, _>(panel.0)
    .bind::<Array<Text>, _>(&run.kinds)
    .load(conn)
    .await?;
    Ok(!rows.is_empty())
}

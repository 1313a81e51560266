//! The loop that claims tasks, works on them, and keeps their leases.

use crate::ask::{may_pass, patience};
use crate::pace::Pace;
use crate::state::State;
use crate::task::{Task, TaskError};
use crate::work::{RECONCILE, Work};
use crate::{list, plan, reconcile};
use common::types::id::TaskId;
use slog::{error, info, o, warn};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{SYNC_WORKER, StoreError, TASKS_CHANNEL, TaskLease, Wakeups};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often leases are compared with PostgreSQL, so that work on a cancelled
/// run is dropped within two seconds.
const WATCH: Duration = Duration::from_secs(1);

/// How often an idle worker with room looks for a task while some are waiting
/// for others to end.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Tasks of all panels together that a worker holds at most. Each may keep a page in
/// memory; how many there are of one panel is ruled by that panel's concurrency.
const MOST_TASKS: usize = 64;

/// What is worked on, by task and fence: a worker that was paused may claim
/// its own task anew before it has noticed that the earlier lease is lost.
type Held = Arc<Mutex<HashMap<(TaskId, i64), CancellationToken>>>;

/// Works until `stop`; then waits for the tasks to be given back.
pub async fn run(state: Arc<State>, stop: CancellationToken) {
    let held: Held = Arc::default();
    let watcher = tokio::spawn(watch(
        Arc::clone(&state),
        Arc::clone(&held),
        stop.child_token(),
    ));
    let wakeups = Wakeups::listen(&state.store, TASKS_CHANNEL, state.log.clone());
    let pace = Arc::new(Pace::new(state.config.sync.progress_per_second));
    let mut tasks = JoinSet::new();
    while !stop.is_cancelled() {
        while tasks.try_join_next().is_some() {}
        let mut claimed = false;
        // Asked before each claim: a task that was given back for want of a key is open again.
        while tasks.len() < MOST_TASKS && !stop.is_cancelled() && state.has_the_keys().await {
            let Some(lease) = claim(&state).await else {
                break;
            };
            claimed = true;
            let token = stop.child_token();
            let key = (lease.task_id, lease.fence);
            lock(&held).insert(key, token.clone());
            let (state, held, pace) = (Arc::clone(&state), Arc::clone(&held), Arc::clone(&pace));
            let stopping = stop.clone();
            tasks.spawn(async move {
                Box::pin(work_on(state, lease, pace, token, stopping)).await;
                lock(&held).remove(&key);
            });
        }
        let pause = if claimed || !tasks.is_empty() {
            LOOK_AGAIN
        } else {
            state.config.sync.poll
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = state.work.notified() => {}
            () = wakeups.wait(pause) => {}
            _ = tasks.join_next(), if !tasks.is_empty() => {}
        }
    }
    while tasks.join_next().await.is_some() {}
    watcher.await.unwrap_or_default();
    if let Err(error) = state.store.worker_gone(state.worker_id).await {
        warn!(state.log, "the worker's row stays behind"; "error" => %error);
    }
}

async fn claim(state: &State) -> Option<TaskLease> {
    match state
        .store
        .task_claim(state.worker_id, state.claim_settings())
        .await
    {
        Ok(lease) => lease,
        Err(error) => {
            warn!(state.log, "no task could be claimed"; "error" => %error);
            None
        }
    }
}

fn lock(held: &Held) -> std::sync::MutexGuard<'_, HashMap<(TaskId, i64), CancellationToken>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Renews leases, counts the living, and drops work whose lease is lost.
async fn watch(state: Arc<State>, held: Held, stop: CancellationToken) {
    let mut renewed: Option<Instant> = None;
    loop {
        let renew = renewed.is_none_or(|at| at.elapsed() >= state.config.sync.heartbeat);
        // What is claimed while the list is on its way is not in it.
        let before: Vec<(TaskId, i64)> = lock(&held).keys().copied().collect();
        if renew {
            renewed = Some(Instant::now());
            count_the_living(&state).await;
        }
        let listed = if before.is_empty() {
            Ok(Vec::new())
        } else if renew {
            state
                .store
                .task_heartbeat(&before, state.config.sync.lease)
                .await
        } else {
            state.store.task_held(state.worker_id).await
        };
        match listed {
            Ok(listed) => drop_lost(&held, &before, &listed),
            Err(error) => warn!(state.log, "leases could not be looked at"; "error" => %error),
        }
        if stop.is_cancelled() && lock(&held).is_empty() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(WATCH) => {}
            () = stop.cancelled(), if !stop.is_cancelled() => {}
        }
    }
}

async fn count_the_living(state: &State) {
    match state
        .store
        .worker_alive(state.worker_id, SYNC_WORKER, state.config.sync.lease)
        .await
    {
        Ok(live) => {
            state.live_workers.store(live, Ordering::Relaxed);
            state.panels.set_sharers(live);
        }
        Err(error) => warn!(state.log, "the worker could not say that it lives"; "error" => %error),
    }
}

/// Drops the work on leases that were held `before` and are not `listed`.
fn drop_lost(held: &Held, before: &[(TaskId, i64)], listed: &[(TaskId, i64)]) {
    let held = lock(held);
    for lost in before.iter().filter(|lease| !listed.contains(lease)) {
        if let Some(token) = held.get(lost) {
            token.cancel();
        }
    }
}

async fn work_on(
    state: Arc<State>,
    lease: TaskLease,
    pace: Arc<Pace>,
    token: CancellationToken,
    stopping: CancellationToken,
) {
    let log = state.log.new(o!(
        "run_id" => lease.run_id.to_string(),
        "task_id" => lease.task_id.to_string(),
        "task" => lease.kind.clone(),
    ));
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = Box::pin(attempt(&state, &lease, &pace, &log)) => outcome,
        () = token.cancelled() => {
            if stopping.is_cancelled() {
                give_back(&state, &lease, &log).await;
            } else {
                info!(log, "dropped: the run has ended or another worker has the task");
            }
            return;
        }
    };
    metrics::histogram!("nodebyte_sync_task_seconds", "task" => lease.kind.clone())
        .record(started.elapsed().as_secs_f64());
    match outcome {
        Ok(()) => {}
        Err(error @ TaskError::NotMine(_)) => {
            warn!(log, "left to another worker"; "error" => %error);
            give_back(&state, &lease, &log).await;
        }
        Err(TaskError::Later) => info!(log, "stepped back: other tasks go first"),
        Err(TaskError::Store(StoreError::FenceLost)) => info!(log, "dropped: the lease is lost"),
        // Perhaps for good. So the lease is left to run out, which costs the task one
        // of the few that it may lose.
        Err(TaskError::Store(error)) if error.is_unexplained() => {
            let reason = runtime::error_chain::ErrorChain(&error).to_string();
            warn!(log, "interrupted"; "error" => &reason);
            if let Err(error) = state.store.task_waits(&lease, &reason).await {
                warn!(log, "the reason could not be written"; "error" => %error);
            }
        }
        // Claimed again at its checkpoint, here or elsewhere.
        Err(TaskError::Store(error)) if error.is_transient() => {
            warn!(log, "interrupted"; "error" => runtime::error_chain::ErrorChain(&error));
            give_back(&state, &lease, &log).await;
        }
        Err(failure) => {
            error!(log, "failed"; "error" => runtime::error_chain::ErrorChain(&failure));
            let (store, reason) = (&state.store, failure.to_string());
            let written = match &failure {
                TaskError::Panel(error) if may_pass(error) => {
                    let silence = patience(state.config.sync.stall);
                    store.task_silent(&lease, &reason, silence).await
                }
                _ => store.task_failed(&lease, &reason).await,
            };
            if let Err(error) = written {
                warn!(log, "the failure could not be written"; "error" => %error);
            }
        }
    }
}

async fn attempt(
    state: &Arc<State>,
    lease: &TaskLease,
    pace: &Arc<Pace>,
    log: &slog::Logger,
) -> Result<(), TaskError> {
    let panel = state.panels.client(lease.panel_id).await?.counting_anew();
    let task = Task {
        state: Arc::clone(state),
        lease: lease.clone(),
        panel,
        pace: Arc::clone(pace),
        silent_rows: Arc::default(),
        log: log.clone(),
    };
    match lease.kind.as_str() {
        "plan" => plan::plan(&task).await,
        RECONCILE => Box::pin(reconcile::reconcile(&task)).await,
        _ => match serde_json::from_value(lease.work.clone()) {
            Ok(Work::List {
                source,
                size,
                from,
                to,
                allocations_but,
            }) => {
                let but = allocations_but.as_ref();
                list::list(&task, &source, size, from, to, but).await
            }
            Ok(Work::Denied { reason }) => Err(TaskError::Failed(reason)),
            Err(error) => Err(TaskError::Failed(format!("unknown work: {error}"))),
        },
    }
}

async fn give_back(state: &State, lease: &TaskLease, log: &slog::Logger) {
    match state.store.task_release(lease).await {
        Ok(()) => info!(log, "given back"),
        Err(StoreError::FenceLost) => {}
        Err(error) => warn!(log, "not given back: its lease has to run out"; "error" => %error),
    }
}

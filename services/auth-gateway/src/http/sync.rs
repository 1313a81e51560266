//! Asking for syncs and looking at them.

use actix_web::web::{Data, Json, Path, Query};
use common::types::id::RunId;
use common::types::sync::Target;
use paperclip::actix::{AcceptedJson, api_v2_operation};
use runtime::http::ApiError;
use runtime::http::request_id::RequestId;
use store::{CancelOutcome, ConfirmOutcome, NewRun};
use uuid::Uuid;

use super::answer::Answer;
use super::body::OptionalBody;
use super::failure::Failure;
use super::sync_log::{LatestSyncLogs, RunReference, SyncLog, SyncLogPage};
use super::sync_request::{
    AskedTarget, ConfirmRequest, LogChoice, PanelChoice, TriggerRequest, name_of, requester,
};
use crate::auth::{Needs, ReadSyncs, RunSyncs};
use crate::state::State;

const COVERED: &str = "A sync that covers this is already waiting or running";
const NO_SUCH_LOG: &str = "Sync log not found";

/// Queues a sync
///
/// Mirrors what the address names from the panel. A waiting or running sync that
/// covers it answers instead of a new one, so the request may be repeated.
#[api_v2_operation(tags(Sync))]
pub async fn trigger(
    _caller: Needs<RunSyncs>,
    AskedTarget(target): AskedTarget,
    query: Query<PanelChoice>,
    OptionalBody(body): OptionalBody<TriggerRequest>,
    state: Data<State>,
) -> Result<AcceptedJson<Answer<RunReference>>, Failure<400, 404, 413>> {
    let name = query.into_inner().panel.or(body.panel);
    let name = name.map(|name| name_of("panel", name)).transpose()?;
    let new = NewRun {
        panel: state.panel(name.as_deref()).await?.panel_id(),
        target,
        skip_users: body.skip_users.unwrap_or(false),
        requested_by: requester(body.requested_by)?,
        request_id: RequestId::current().map(|id| id.to_string()),
    };
    let triggered = state.store.run_trigger(&new).await?;
    let remark = (!triggered.new).then_some(COVERED);
    let reference = RunReference::to(&triggered.run, remark)?;
    Ok(AcceptedJson(Answer::saying(queued(target), reference)))
}

/// Cancels a sync
///
/// Nothing is written by it afterwards; what it has mirrored stays. Cancelling
/// again succeeds again.
#[api_v2_operation(tags(Sync))]
pub async fn cancel(
    _caller: Needs<RunSyncs>,
    id: Path<Uuid>,
    state: Data<State>,
) -> Result<Json<Answer<RunReference>>, Failure<404, 409>> {
    match state.store.run_cancel(RunId(*id)).await? {
        CancelOutcome::Cancelled(run) => {
            state.tell(&run).await;
            let reference = RunReference::to(&run, None)?;
            Ok(Json(Answer::saying("Sync cancelled", reference)))
        }
        CancelOutcome::Finished(run) => {
            Err(ApiError::conflict(format!("The sync has already ended: {}", run.status)).into())
        }
        CancelOutcome::Unknown => Err(ApiError::not_found(NO_SUCH_LOG).into()),
    }
}

/// Confirms held removals
///
/// Queues a sync that looks again at what this one held back, and removes only
/// what is still missing.
#[api_v2_operation(tags(Sync))]
pub async fn confirm(
    _caller: Needs<RunSyncs>,
    id: Path<Uuid>,
    OptionalBody(body): OptionalBody<ConfirmRequest>,
    state: Data<State>,
) -> Result<AcceptedJson<Answer<RunReference>>, Failure<400, 404, 409, 413>> {
    let by = requester(body.requested_by)?;
    let request = RequestId::current().map(|id| id.to_string());
    match state
        .store
        .run_confirm(RunId(*id), &by, request.as_deref())
        .await?
    {
        ConfirmOutcome::Started(run) => {
            let reference = RunReference::to(&run, None)?;
            Ok(AcceptedJson(Answer::saying(
                "Confirmation has been queued",
                reference,
            )))
        }
        ConfirmOutcome::NothingHeld => {
            Err(ApiError::conflict("The sync has not ended or holds nothing back").into())
        }
        ConfirmOutcome::Superseded => Err(ApiError::conflict(
            "A later sync has listed this kind; what that one holds can be confirmed",
        )
        .into()),
        ConfirmOutcome::Unknown => Err(ApiError::not_found(NO_SUCH_LOG).into()),
    }
}

/// Tells how a sync stands
#[api_v2_operation(tags(Sync))]
pub async fn status(
    _caller: Needs<ReadSyncs>,
    id: Path<Uuid>,
    state: Data<State>,
) -> Result<Json<Answer<SyncLog>>, Failure<404>> {
    let id = RunId(*id);
    let run = state
        .store
        .run(id)
        .await?
        .ok_or_else(|| ApiError::not_found(NO_SUCH_LOG))?;
    let steps = state.store.run_kinds(id).await?;
    Ok(Json(Answer::of(SyncLog::of(&run)?.with_steps(steps))))
}

/// Lists syncs, newest first
///
/// A limit or offset out of range is moved into it.
#[api_v2_operation(tags(Sync))]
pub async fn logs(
    _caller: Needs<ReadSyncs>,
    query: Query<LogChoice>,
    state: Data<State>,
) -> Result<Json<Answer<SyncLogPage>>, Failure<400>> {
    let target = query
        .r#type
        .as_deref()
        .map(str::parse::<Target>)
        .transpose();
    let target = target.map_err(|unknown| ApiError::bad_request(unknown.to_string()))?;
    let limit = query.limit.unwrap_or(20).clamp(1, 100);
    let offset = query.offset.unwrap_or(0).max(0);
    let runs = state.store.runs(target, limit, offset).await?;
    let logs = runs.iter().map(SyncLog::of).collect::<Result<_, _>>()?;
    Ok(Json(Answer::of(SyncLogPage {
        logs,
        limit,
        offset,
    })))
}

/// Tells the newest sync of each type
#[api_v2_operation(tags(Sync))]
pub async fn latest(
    _caller: Needs<ReadSyncs>,
    state: Data<State>,
) -> Result<Json<Answer<LatestSyncLogs>>, Failure> {
    let runs = state.store.runs_latest().await?;
    let logs = runs
        .iter()
        .map(|run| Ok((run.target.clone(), SyncLog::of(run)?)));
    let logs = logs.collect::<Result<_, store::StoreError>>()?;
    Ok(Json(Answer::of(LatestSyncLogs(logs))))
}

fn queued(target: Target) -> String {
    match target {
        Target::Full => "Full sync has been queued".to_owned(),
        Target::One(kind) => format!("{kind} sync has been queued"),
    }
}

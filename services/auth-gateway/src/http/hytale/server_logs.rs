//! What game servers say.

use actix_web::web::{Data, Json, Query};
use chrono::{DateTime, Utc};
use common::types::hytale::HytaleAccount;
use hytale::custody::CustodyError;
use paperclip::actix::{Apiv2Schema, CreatedJson, api_v2_operation};
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};
use store::{NewServerLogs, SavedLogs, ServerLogPage, ServerLogRow, ServerPlace};
use uuid::Uuid;

use super::failure::{of_custody, of_store};
use super::log_lines::{self, NewLine};
use crate::auth::{Caller, KeyLimits, Needs, ReadServerLogs, WriteServerLogs, may_read, may_write};
use crate::http::body::Body;
use crate::http::failure::Failure;
use crate::http::given::uuid;
use crate::http::idempotency::IdempotencyKey;
use crate::http::page::{Cursor, Moment, given, limit, offset};
use crate::state::State;

/// Lines of a server.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct ServerLogLines {
    /// The panel's uuid of the server, or our id; also as `server_id`. Required.
    #[serde(alias = "server_id")]
    pub server_uuid: Option<String>,
    /// Whose server it is: your name for the account, or Hytale's id. An account that you
    /// may not use, and that has no game session of this server, is unknown.
    pub account_id: Option<String>,
    /// 1 to 10,000 lines in the order in which they were said. Required.
    pub logs: Option<Vec<NewLine>>,
}

/// Which lines of which server are wanted.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct ServerLogChoice {
    /// The panel's uuid of the server, or our id; also as `server_id`. Required.
    #[serde(alias = "server_id")]
    pub server_uuid: Option<String>,
    /// How many, 1 to 1000; without it 100.
    pub limit: Option<String>,
    /// How many of the newest are skipped, at most 100,000. `before` leads further, and
    /// shows no line twice while others come.
    pub offset: Option<String>,
    /// Only older ones: `next_cursor` of the page before.
    pub before: Option<String>,
}

/// Which server is meant.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct ServerChoice {
    /// The panel's uuid of the server, or our id; also as `server_id`. Required.
    #[serde(alias = "server_id")]
    pub server_uuid: Option<String>,
}

/// Lines of a server.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct ServerLogs {
    /// Always true.
    success: bool,
    /// Newest first.
    data: Vec<ServerLogLine>,
    /// `before` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A line that a server said.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct ServerLogLine {
    /// Unique.
    id: i64,
    line: String,
    /// When it was said, as far as the server can be believed; else when it came.
    timestamp: DateTime<Utc>,
}

/// Lines were stored.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct ServerLogsSaved {
    /// Always true.
    success: bool,
    data: SavedServerLogs,
}

/// What was stored.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct SavedServerLogs {
    /// How many lines. Where the request was made before: how many then.
    saved_count: i64,
    /// The panel's uuid of the server.
    server_uuid: Uuid,
}

/// How much a server has said.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct ServerLogsCounted {
    /// Always true.
    success: bool,
    data: ServerLogCount,
}

/// How many lines there are.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct ServerLogCount {
    /// The panel's uuid of the server.
    server_uuid: Uuid,
    /// Lines that are stored.
    total_logs: i64,
}

/// Stores lines of a game server
///
/// For the servers and nodes that the key is limited to; every other server is unknown
/// to it. The body may have 4 MiB, a line 16 KiB. With an `Idempotency-Key` header, a
/// request repeated within a day stores nothing and is answered the same; with that key,
/// another request is refused (409).
#[api_v2_operation(tags(Servers))]
pub async fn append(
    caller: Needs<WriteServerLogs>,
    KeyLimits(limits): KeyLimits,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Body(request): Body<ServerLogLines>,
    state: Data<State>,
) -> Result<CreatedJson<ServerLogsSaved>, Failure<400, 404, 409, 413>> {
    let id = server(request.server_uuid.as_deref())?;
    let lines = request.logs.unwrap_or_default();
    let account = request.account_id.filter(|it| !it.is_empty());
    let digest = log_lines::digest(account.as_deref(), &lines);
    let lines = log_lines::check(lines, Utc::now())
        .map_err(|why| ApiError::bad_request(why.to_string()))?;
    let server = state.store.server_place(id).await.map_err(of_store)?;
    if !may_write(&limits, &server) {
        return Err(unknown().into());
    }
    if let Some(account) = account {
        know(&state, &caller, &account, &server).await?;
    }
    let new = NewServerLogs {
        server: server.id,
        principal: caller.principal.clone(),
        idempotency_key,
        digest,
        lines: lines.lines,
        times: lines.times,
    };
    let saved = state.store.hytale_server_logs_append(new).await;
    let saved_count = match saved.map_err(of_store)? {
        SavedLogs::New(lines) | SavedLogs::Repeated(lines) => lines,
        SavedLogs::KeyReused => return Err(of_custody(CustodyError::KeyReused).into()),
    };
    Ok(CreatedJson(ServerLogsSaved {
        success: true,
        data: SavedServerLogs {
            saved_count,
            server_uuid: server.uuid,
        },
    }))
}

/// Shows what a game server said, newest first
#[api_v2_operation(tags(Servers))]
pub async fn list(
    caller: Needs<ReadServerLogs>,
    query: Query<ServerLogChoice>,
    state: Data<State>,
) -> Result<Json<ServerLogs>, Failure<400, 404>> {
    let page = ServerLogPage {
        before: Cursor::<Moment, i64>::read("before", given(&query.before))?
            .map(|(Moment(at), id)| (at, id)),
        offset: offset(given(&query.offset))?,
        limit: limit(given(&query.limit))?,
    };
    let id = server(query.server_uuid.as_deref())?;
    let server = readable(&state, &caller, id).await?;
    let rows = state.store.hytale_server_logs(server.id, page).await;
    let rows = rows.map_err(of_store)?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == page.limit);
    let last = rows.last().filter(|_| is_full);
    Ok(Json(ServerLogs {
        success: true,
        next_cursor: last.map(|row| Cursor(Moment(row.logged_at), row.id).to_string()),
        data: rows.into_iter().map(ServerLogLine::from).collect(),
    }))
}

/// Tells how many lines of a game server are stored
#[api_v2_operation(tags(Servers))]
pub async fn count(
    caller: Needs<ReadServerLogs>,
    query: Query<ServerChoice>,
    state: Data<State>,
) -> Result<Json<ServerLogsCounted>, Failure<400, 404>> {
    let id = server(query.server_uuid.as_deref())?;
    let server = readable(&state, &caller, id).await?;
    let counted = state.store.hytale_server_logs_count(server.id).await;
    Ok(Json(ServerLogsCounted {
        success: true,
        data: ServerLogCount {
            server_uuid: server.uuid,
            total_logs: counted.map_err(of_store)?,
        },
    }))
}

/// Whether the account that lines are said to come from can be meant: one that the caller
/// may use, or one with a game session of the server.
async fn know(
    state: &State,
    caller: &Caller,
    account: &str,
    server: &ServerPlace,
) -> Result<(), ApiError> {
    let unknown = match state.custody.resolve(&caller.custody(), account).await {
        Ok(_theirs) => return Ok(()),
        Err(unknown @ CustodyError::UnknownAccount) => unknown,
        Err(error) => return Err(of_custody(error)),
    };
    let Ok(id) = account.parse() else {
        return Err(of_custody(unknown));
    };
    let environment = state.custody.environment();
    let account = HytaleAccount { environment, id };
    let ran = state.store.hytale_account_ran(account, server.id).await;
    if ran.map_err(of_store)? {
        Ok(())
    } else {
        Err(of_custody(unknown))
    }
}

async fn readable(state: &State, caller: &Caller, id: Uuid) -> Result<ServerPlace, ApiError> {
    let server = state.store.server_place(id).await.map_err(of_store)?;
    if may_read(caller, &server) {
        Ok(server)
    } else {
        Err(unknown())
    }
}

/// The same for a server that is not there and for one that is none of the caller's
/// business.
fn unknown() -> ApiError {
    of_store(store::StoreError::NotFound("server"))
}

fn server(named: Option<&str>) -> Result<Uuid, ApiError> {
    let named = named.filter(|it| !it.is_empty());
    uuid("server_uuid", named)?.ok_or_else(|| ApiError::bad_request("`server_uuid` is required"))
}

impl From<ServerLogRow> for ServerLogLine {
    fn from(row: ServerLogRow) -> Self {
        Self {
            id: row.id,
            line: row.line,
            timestamp: row.logged_at,
        }
    }
}

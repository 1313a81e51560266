//! Game sessions.

use actix_web::web::{Data, Json};
use chrono::SecondsFormat;
use common::types::hytale::HytaleAccount;
use common::types::id::SessionId;
use hytale::custody::{Caller, GameSession, SessionChoice, SessionRequest};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::failure::HytaleFailure;
use super::tokens::Done;
use crate::auth::{Needs, UseHytale};
use crate::http::given::{Given, required, uuid};
use crate::http::idempotency::IdempotencyKey;
use crate::limits::Limit;
use crate::state::State;

/// What session is asked for.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct NewSession {
    /// Your name for the account, or Hytale's id. Required.
    pub account_id: Option<String>,
    /// Hytale's id of the profile, also as `profile_uuid`; without it the selected
    /// one, or the only one.
    pub profile_id: Option<String>,
    /// Our id of the server that it is for, or the panel's uuid of it; also as
    /// `server_uuid`.
    pub server_id: Option<String>,
}

/// Which session is meant: by its id, or the only active one that fits.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct SessionName {
    /// Your name for the account, or Hytale's id. Required.
    pub account_id: Option<String>,
    /// The id that was answered when it was made.
    pub session_id: Option<String>,
    /// Its profile, also as `profile_uuid`.
    pub profile_id: Option<String>,
    /// Its server, also as `server_uuid`.
    pub server_id: Option<String>,
}

/// A game session with its tokens.
#[derive(Serialize, Apiv2Schema)]
pub struct SessionAnswer {
    /// Always true.
    success: bool,
    session: Session,
}

/// A game session.
#[derive(Serialize, Apiv2Schema)]
pub struct Session {
    /// Our id of it.
    session_id: String,
    /// For which profile.
    profile_id: String,
    /// For which server, by our id.
    server_id: Option<String>,
    /// `--session-token` of the game server.
    session_token: String,
    /// `--identity-token` of the game server.
    identity_token: String,
    /// When both end, RFC 3339.
    expires_at: String,
}

/// Makes a game session
///
/// With an `Idempotency-Key` header, a repeated request is answered the session that
/// the first one made.
#[api_v2_operation(tags(Hytale))]
pub async fn create(
    caller: Needs<UseHytale>,
    Given(request): Given<NewSession>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    state: Data<State>,
) -> Result<Json<SessionAnswer>, HytaleFailure> {
    let caller = caller.custody();
    let name = required("account_id", request.account_id)?;
    let asked = SessionRequest {
        profile: uuid("profile_id", request.profile_id.as_deref())?,
        server: uuid("server_id", request.server_id.as_deref())?,
        idempotency_key,
    };
    let account = state.custody.resolve(&caller, &name).await?;
    // Asks nothing of Hytale, and so is not counted: who repeats politely is not refused.
    let before = state
        .custody
        .session_made_before(&caller, account, &asked)
        .await?;
    if let Some(session) = before {
        return Ok(Json(session.into()));
    }
    state
        .limits
        .of_account(Limit::GameSession, account, &caller.principal)
        .await?;
    let session = state
        .custody
        .create_session(&caller, account, asked)
        .await?;
    Ok(Json(session.into()))
}

/// Refreshes a game session
///
/// In the last ten minutes of its life Hytale is asked for new tokens; earlier the
/// present ones are answered.
#[api_v2_operation(tags(Hytale))]
pub async fn refresh(
    caller: Needs<UseHytale>,
    Given(request): Given<SessionName>,
    state: Data<State>,
) -> Result<Json<SessionAnswer>, HytaleFailure> {
    let caller = caller.custody();
    let (account, choice) = meant(&state, &caller, request).await?;
    let session = state
        .custody
        .refresh_session(account, choice, &caller.origin)
        .await?;
    Ok(Json(session.into()))
}

/// Ends a game session
///
/// Ending one that has ended succeeds.
#[api_v2_operation(tags(Hytale))]
pub async fn end(
    caller: Needs<UseHytale>,
    Given(request): Given<SessionName>,
    state: Data<State>,
) -> Result<Json<Done>, HytaleFailure> {
    let caller = caller.custody();
    let (account, choice) = meant(&state, &caller, request).await?;
    state
        .custody
        .end_session(account, choice, &caller.origin)
        .await?;
    Ok(Json(Done {
        success: true,
        message: "Game session terminated successfully".to_owned(),
    }))
}

async fn meant(
    state: &State,
    caller: &Caller,
    request: SessionName,
) -> Result<(HytaleAccount, SessionChoice), HytaleFailure> {
    let name = required("account_id", request.account_id)?;
    let choice = SessionChoice {
        session: uuid("session_id", request.session_id.as_deref())?.map(SessionId),
        profile: uuid("profile_id", request.profile_id.as_deref())?,
        server: uuid("server_id", request.server_id.as_deref())?,
    };
    let account = state.custody.resolve(caller, &name).await?;
    state
        .limits
        .of_account(Limit::GameSession, account, &caller.principal)
        .await?;
    Ok((account, choice))
}

impl From<GameSession> for SessionAnswer {
    fn from(it: GameSession) -> Self {
        Self {
            success: true,
            session: Session {
                session_id: it.id.to_string(),
                profile_id: it.profile.to_string(),
                server_id: it.server.map(|id| id.to_string()),
                session_token: it.session_token.expose_secret().to_owned(),
                identity_token: it.identity_token.expose_secret().to_owned(),
                expires_at: it.expires_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            },
        }
    }
}

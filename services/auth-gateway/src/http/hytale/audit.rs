//! The audit trail of Hytale accounts.

use actix_web::web::{Data, Json, Query};
use common::types::caller::Principal;
use common::types::hytale::HytaleAuditEvent;
use common::types::id::SessionId;
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AuditFilter, AuditRow};
use uuid::Uuid;

use super::failure::of_store;
use crate::auth::{Administer, Needs};
use crate::http::failure::Failure;
use crate::http::given::uuid;
use crate::http::page::{Cursor, Moment, given, limit, moment, told};
use crate::state::State;

/// Which lines of the trail are wanted. Each field narrows the choice.
#[derive(Debug, Default, Deserialize, Apiv2Schema)]
pub struct AuditChoice {
    /// Hytale's id of the account.
    pub account_id: Option<String>,
    /// One of `TOKEN_CREATED`, `TOKEN_REFRESHED`, `TOKEN_DELETED`, `AUTH_FAILED`,
    /// `SESSION_CREATED`, `SESSION_REFRESHED`, `SESSION_DELETED`, `PROFILE_SELECTED`.
    pub event_type: Option<String>,
    /// Hytale's id of the profile.
    pub profile_id: Option<String>,
    /// Our id of the game session.
    pub session_id: Option<String>,
    /// Who did it: `service`, `client:<uuid>` or `user:<id>`.
    pub principal: Option<String>,
    /// From this moment on, RFC 3339.
    pub from: Option<String>,
    /// Before this moment, RFC 3339.
    pub to: Option<String>,
    /// How many, 1 to 1000; without it 100.
    pub limit: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Some lines of the trail.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct AuditTrail {
    /// Always true.
    success: bool,
    /// Newest first.
    logs: Vec<AuditLine>,
    /// How many stand here.
    count: usize,
    /// `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A line of the trail. The fields in capitals say the same under the names that
/// existing clients read.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct AuditLine {
    /// Unique.
    id: Uuid,
    /// When it happened.
    created_at: String,
    /// What happened.
    event_type: String,
    /// Hytale's id of the account, where one is known.
    account_id: Option<Uuid>,
    /// Hytale's id of the profile, where one is meant.
    profile_id: Option<Uuid>,
    /// Our id of the game session, where one is meant.
    session_id: Option<Uuid>,
    /// Who did it; nobody: a stranger, or the upkeep.
    principal: Option<String>,
    /// From where.
    ip_address: Option<String>,
    /// With what.
    user_agent: Option<String>,
    /// In which request, as it stands in our logs.
    request_id: Option<String>,
    /// More; no secrets.
    details: Value,
    /// `id`.
    #[serde(rename = "ID")]
    other_id: Uuid,
    /// `account_id`.
    #[serde(rename = "AccountID")]
    other_account_id: Option<Uuid>,
    /// `profile_id`.
    #[serde(rename = "ProfileID")]
    other_profile_id: Option<Uuid>,
    /// `event_type`.
    #[serde(rename = "EventType")]
    other_event_type: String,
    /// `details` as JSON text.
    #[serde(rename = "Details")]
    other_details: String,
    /// `ip_address`.
    #[serde(rename = "IPAddress")]
    other_ip_address: Option<String>,
    /// `user_agent`.
    #[serde(rename = "UserAgent")]
    other_user_agent: Option<String>,
    /// `created_at`.
    #[serde(rename = "CreatedAt")]
    other_created_at: String,
}

/// Shows what happened to Hytale accounts, newest first
#[api_v2_operation(tags(Hytale))]
pub async fn list(
    _caller: Needs<Administer>,
    query: Query<AuditChoice>,
    state: Data<State>,
) -> Result<Json<AuditTrail>, Failure<400>> {
    let filter = filter(&query)?;
    let world = state.config.hytale.world();
    let rows = state.store.hytale_audit(world, &filter).await;
    let rows = rows.map_err(of_store)?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == filter.limit);
    let last = rows.last().filter(|_| is_full);
    Ok(Json(AuditTrail {
        success: true,
        count: rows.len(),
        next_cursor: last.map(|row| Cursor(Moment(row.created_at), row.id).to_string()),
        logs: rows.into_iter().map(AuditLine::from).collect(),
    }))
}

fn filter(choice: &AuditChoice) -> Result<AuditFilter, ApiError> {
    let event = given(&choice.event_type).map(str::parse::<HytaleAuditEvent>);
    let before = Cursor::<Moment, Uuid>::read("cursor", given(&choice.cursor))?;
    Ok(AuditFilter {
        account: uuid("account_id", given(&choice.account_id))?,
        event: event
            .transpose()
            .map_err(|unknown| ApiError::bad_request(format!("`event_type`: {unknown}")))?,
        profile: uuid("profile_id", given(&choice.profile_id))?,
        session: uuid("session_id", given(&choice.session_id))?.map(SessionId),
        principal: given(&choice.principal).map(principal).transpose()?,
        since: moment("from", given(&choice.from))?,
        until: moment("to", given(&choice.to))?,
        before: before.map(|(Moment(at), id)| (at, id)),
        limit: limit(given(&choice.limit))?,
    })
}

/// A principal that can stand in the trail: PostgreSQL's text cannot hold U+0000.
fn principal(given: &str) -> Result<Principal, ApiError> {
    let principal = given.parse::<Principal>().ok();
    principal
        .filter(|_| !given.contains(char::is_control))
        .ok_or_else(|| {
            ApiError::bad_request("`principal` must be `service`, `client:<uuid>` or `user:<id>`")
        })
}

impl From<AuditRow> for AuditLine {
    fn from(row: AuditRow) -> Self {
        let created_at = told(row.created_at);
        Self {
            id: row.id,
            other_id: row.id,
            other_created_at: created_at.clone(),
            created_at,
            other_event_type: row.event_type.clone(),
            event_type: row.event_type,
            account_id: row.account_id,
            other_account_id: row.account_id,
            profile_id: row.profile_id,
            other_profile_id: row.profile_id,
            session_id: row.session_id,
            principal: row.principal,
            other_ip_address: row.ip.clone(),
            ip_address: row.ip,
            other_user_agent: row.user_agent.clone(),
            user_agent: row.user_agent,
            request_id: row.request_id,
            other_details: row.details.to_string(),
            details: row.details,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_empty_choose_nothing() {
        let empty = Some(String::new());
        let choice = AuditChoice {
            account_id: empty.clone(),
            event_type: empty.clone(),
            principal: empty.clone(),
            from: empty.clone(),
            limit: empty.clone(),
            cursor: empty,
            ..AuditChoice::default()
        };
        let filter = filter(&choice).unwrap();
        assert_eq!((filter.account, filter.limit), (None, 100));
        assert!(filter.event.is_none() && filter.before.is_none());
    }

    #[test]
    fn a_principal_that_no_row_can_hold_is_refused() {
        assert_eq!(principal("service").unwrap(), Principal::Service);
        for text in ["", "root", "user:a\0b", "client:7"] {
            assert!(principal(text).is_err(), "{text:?}");
        }
    }
}

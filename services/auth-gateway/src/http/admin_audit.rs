//! The trail of administration.

use actix_web::web::{Data, Json, Query};
use common::types::admin::AdminEvent;
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AdminAuditFilter, AdminLineRow};
use uuid::Uuid;

use super::failure::Failure;
use super::page::{Cursor, Moment, given, limit, moment, told};
use crate::auth::{Administer, Needs};
use crate::state::State;

/// Which lines of the trail are wanted. Each field narrows the choice; one that is not known is
/// refused.
#[derive(Debug, Default, Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct AdminAuditChoice {
    /// What was done, for example `SETTINGS_CHANGED`.
    pub event: Option<String>,
    /// Who did it: `user:<id>`, `client:<uuid>` or `cli:<name>`.
    pub actor: Option<String>,
    /// Whom it is about: `user:<id>` or `client:<uuid>`.
    pub subject: Option<String>,
    /// From this moment on, RFC 3339.
    pub since: Option<String>,
    /// Before this moment, RFC 3339.
    pub until: Option<String>,
    /// How many, 1 to 1000; without it 100.
    pub limit: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Some lines of the trail.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct AdminTrail {
    /// Always true.
    success: bool,
    /// Newest first.
    logs: Vec<AdminLine>,
    /// How many stand here.
    count: usize,
    /// `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A line of the trail.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct AdminLine {
    /// Unique.
    id: Uuid,
    /// When it happened.
    created_at: String,
    /// What was done.
    event: String,
    /// Who did it.
    actor: String,
    /// The name that the actor has today.
    actor_name: Option<String>,
    /// Whom it is about.
    subject: Option<String>,
    /// From where.
    ip_address: Option<String>,
    /// With what.
    user_agent: Option<String>,
    /// In which request, as it stands in our logs.
    request_id: Option<String>,
    /// More; no secrets.
    details: Value,
}

/// Shows what administrators and operators changed, newest first
#[api_v2_operation(tags(Settings))]
pub async fn list(
    _caller: Needs<Administer>,
    query: Query<AdminAuditChoice>,
    state: Data<State>,
) -> Result<Json<AdminTrail>, Failure<400>> {
    let filter = filter(&query)?;
    let rows = state.store.admin_audit(&filter).await?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == filter.limit);
    let last = rows.last().filter(|_| is_full);
    Ok(Json(AdminTrail {
        success: true,
        count: rows.len(),
        next_cursor: last.map(|row| Cursor(Moment(row.created_at), row.id).to_string()),
        logs: rows.into_iter().map(AdminLine::from).collect(),
    }))
}

fn filter(choice: &AdminAuditChoice) -> Result<AdminAuditFilter, ApiError> {
    let event = given(&choice.event).map(str::parse::<AdminEvent>);
    let before = Cursor::<Moment, Uuid>::read("cursor", given(&choice.cursor))?;
    Ok(AdminAuditFilter {
        event: event
            .transpose()
            .map_err(|unknown| ApiError::bad_request(format!("`event`: {unknown}")))?,
        actor: name("actor", &choice.actor)?,
        subject: name("subject", &choice.subject)?,
        since: moment("since", given(&choice.since))?,
        until: moment("until", given(&choice.until))?,
        before: before.map(|(Moment(at), id)| (at, id)),
        limit: limit(given(&choice.limit))?,
    })
}

/// A name that can stand in the trail: PostgreSQL's text cannot hold U+0000.
fn name(field: &str, name: &Option<String>) -> Result<Option<String>, ApiError> {
    match given(name) {
        Some(name) if name.contains(char::is_control) => Err(ApiError::bad_request(format!(
            "`{field}` must not hold control characters"
        ))),
        name => Ok(name.map(str::to_owned)),
    }
}

impl From<AdminLineRow> for AdminLine {
    fn from(row: AdminLineRow) -> Self {
        Self {
            id: row.id,
            created_at: told(row.created_at),
            event: row.event_type,
            actor: row.actor,
            actor_name: row.actor_name,
            subject: row.subject,
            ip_address: row.ip,
            user_agent: row.user_agent,
            request_id: row.request_id,
            details: row.details,
        }
    }
}

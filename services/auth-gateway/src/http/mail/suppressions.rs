//! Addresses to which nothing is sent any more.

use actix_web::web::{Data, Json, Path, Query};
use chrono::SecondsFormat;
use common::types::caller::Actor;
use common::types::mail::MailAddress;
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};
use store::MailSuppressionRow;

use crate::auth::{Administer, Needs};
use crate::http::failure::Failure;
use crate::http::page::{given, limit, offset};
use crate::state::State;

/// Which addresses are wanted.
#[derive(Debug, Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionPage {
    /// How many, 1 to 1000; without it 100.
    limit: Option<String>,
    /// How many of the newest are skipped, at most 100,000.
    offset: Option<String>,
}

/// Some addresses.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Suppressions {
    /// Always true.
    success: bool,
    /// The newest first.
    suppressions: Vec<Suppression>,
}

/// An address to which nothing is sent.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Suppression {
    /// The address, in lower case.
    address: String,
    /// `BOUNCED`, `COMPLAINED`, or `SUPPRESSED` by Resend itself.
    reason: String,
    /// What Resend calls the event that told of it.
    event: String,
    /// Since when.
    created_at: String,
}

/// What was done.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Lifted {
    /// Always true.
    success: bool,
    /// A sentence for people.
    message: String,
}

/// Nothing is sent to an address: 409.
pub(super) fn is_suppressed() -> ApiError {
    let why =
        "Nothing is sent to this address any more: mail to it bounced, or somebody complained";
    ApiError::conflict(why).with_code("ADDRESS_SUPPRESSED")
}

/// Lists addresses to which nothing is sent
#[api_v2_operation(tags(Mail))]
pub async fn list(
    _caller: Needs<Administer>,
    page: Query<SuppressionPage>,
    state: Data<State>,
) -> Result<Json<Suppressions>, Failure<400>> {
    let (limit, offset) = (limit(given(&page.limit))?, offset(given(&page.offset))?);
    let rows = state.store.mail_suppressions(limit, offset).await?;
    Ok(Json(Suppressions {
        success: true,
        suppressions: rows.into_iter().map(Suppression::from).collect(),
    }))
}

/// Lets mail be sent to an address again
///
/// Resend keeps a list of its own, from which the address must be removed there. It stands
/// in the trail of administration.
#[api_v2_operation(tags(Mail))]
pub async fn lift(
    caller: Needs<Administer>,
    address: Path<String>,
    state: Data<State>,
) -> Result<Json<Lifted>, Failure<400, 404>> {
    let address: MailAddress = address.parse().map_err(|_no_address| {
        ApiError::bad_request("This is no e-mail address").with_code("INVALID_ADDRESS")
    })?;
    let actor = Actor::Caller(caller.origin());
    state.store.mail_suppression_lift(&address, &actor).await?;
    Ok(Json(Lifted {
        success: true,
        message: "Mail is sent to this address again".to_owned(),
    }))
}

impl From<MailSuppressionRow> for Suppression {
    fn from(row: MailSuppressionRow) -> Self {
        Self {
            address: row.address,
            reason: row.reason,
            event: row.event,
            created_at: row.created_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        }
    }
}

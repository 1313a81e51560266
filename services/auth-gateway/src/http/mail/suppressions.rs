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
use crate::state::State;

const USUAL_PAGE: i64 = 100;
const LARGEST_PAGE: i64 = 1000;

/// Which addresses are wanted.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct SuppressionPage {
    /// How many, 1 to 1000; without it 100.
    pub limit: Option<i64>,
    /// How many of the newest are skipped.
    pub offset: Option<i64>,
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

/// Lists addresses to which nothing is sent
#[api_v2_operation(tags(Mail))]
pub async fn list(
    _caller: Needs<Administer>,
    page: Query<SuppressionPage>,
    state: Data<State>,
) -> Result<Json<Suppressions>, Failure<400>> {
    let limit = page.limit.unwrap_or(USUAL_PAGE).clamp(1, LARGEST_PAGE);
    let offset = page.offset.unwrap_or(0).max(0);
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

//! Signing secrets replaced.

use actix_web::web::{Data, Json, Path};
use chrono::{DateTime, TimeDelta, Utc};
use common::crypto::webhook_signature::SigningSecret;
use common::types::caller::Actor;
use common::types::id::WebhookId;
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use reach::webhooks::{open_secret, seal_secret};
use runtime::http::ApiError;
use secrecy::ExposeSecret;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use store::Rotated;
use uuid::Uuid;

use crate::auth::{Administer, Needs};
use crate::http::failure::Failure;
use crate::http::given::{Given, number};
use crate::http::page::told;
use crate::state::State;

/// Hours for which both secrets sign unless told otherwise.
const USUAL_OVERLAP: i64 = 24;
/// The longest overlap, in hours.
const LONGEST_OVERLAP: i64 = 168;

/// How a secret is replaced. A field that is not known is refused: with a misspelt overlap a
/// secret that leaked would go on signing.
#[derive(Debug, Deserialize, Apiv2Schema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// Hours for which the present secret signs too, 0 to 168; without it 24.
    #[serde(default, deserialize_with = "said")]
    overlap_hours: Option<i64>,
}

/// Nothing said is not a day: whoever says it may have meant none.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let hours = number(from)?;
    hours.map(Some).ok_or_else(|| D::Error::custom("no hours"))
}

/// A new secret.
#[derive(Debug, Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct NewSecret {
    /// Always true.
    success: bool,
    /// What signs from now on (`whsec_…`): shown now and never again, but to the same caller who
    /// repeats the request within 60 seconds.
    signing_secret: String,
}

/// Replaces the signing secret of a webhook
///
/// For a while messages carry signatures by both, so that a receiver can change over. While they
/// do, the secret is not replaced again (409 `ROTATION_IN_PROGRESS`), unless `overlapHours` is 0:
/// that replaces both at once. The same request by the same caller within 60 seconds is answered
/// the same secret, in case the answer was lost.
#[api_v2_operation(tags(Webhooks))]
pub async fn rotate(
    caller: Needs<Administer>,
    id: Path<Uuid>,
    Given(rotation): Given<Rotation>,
    state: Data<State>,
) -> Result<Json<NewSecret>, Failure<400, 404, 409, 413>> {
    let overlap = rotation.overlap_hours.unwrap_or(USUAL_OVERLAP);
    if !(0..=LONGEST_OVERLAP).contains(&overlap) {
        let why = format!("`overlapHours` must be from 0 to {LONGEST_OVERLAP}");
        return Err(ApiError::bad_request(why).into());
    }
    let row = state.store.webhook(WebhookId(*id)).await?;
    if row.secret.is_none() {
        return Err(ApiError::bad_request("Webhooks of Discord have no signing secret").into());
    }
    let secret = SigningSecret::generate().map_err(ApiError::internal)?;
    let vault = state.settings.vault_to_seal().await?;
    let sealed = seal_secret(&vault, row.webhook_id(), &secret)?;
    let id = row.webhook_id();
    let actor = Actor::Caller(caller.origin());
    let overlap = TimeDelta::hours(overlap);
    let rotated = state.store.webhook_rotate(id, sealed, overlap, &actor);
    let secret = match rotated.await? {
        Rotated::Replaced => secret,
        Rotated::Repeated(sealed) => open_secret(&vault, id, &sealed)?,
        Rotated::Overlaps(until) => return Err(in_progress(until).into()),
    };
    Ok(Json(NewSecret {
        success: true,
        signing_secret: secret.text().expose_secret().to_owned(),
    }))
}

fn in_progress(until: DateTime<Utc>) -> ApiError {
    let until = told(until);
    let why = format!(
        "The secret before the present one signs until {until}; replace it then, or both at once with `overlapHours: 0`"
    );
    ApiError::conflict(why)
        .with_code("ROTATION_IN_PROGRESS")
        .with_details(json!({ "until": until }))
}

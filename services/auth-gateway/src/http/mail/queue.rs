//! Having mail sent.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use common::types::mail::MailAddress;
use outbound::{Mail, MailRefused};
use paperclip::actix::{AcceptedJson, Apiv2Schema, api_v2_operation};
use reach::mail::{MailError, MailOrder};
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};
use store::MailQueued;

use super::suppressions::is_suppressed;
use crate::auth::{Needs, Notify};
use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::failure::Failure;
use crate::http::idempotency::{IdempotencyKey, digest_of, key_reused};
use crate::state::State;

/// A mail to send.
#[derive(Deserialize, Apiv2Schema)]
pub struct MailRequest {
    /// One address, without a name. Required.
    pub to: Option<String>,
    /// Accepted because existing clients send it; the template has a subject of its own.
    #[expect(dead_code, reason = "stands in the document, and counts for nothing")]
    pub subject: Option<String>,
    /// `verify_email`, `reset_password`, `magic_link`, `welcome`, `sync_report` or
    /// `email_change`; with hyphens, too, and as they were called earlier. Required.
    pub template: Option<String>,
    /// What the template says: `name` (verify_email, reset_password, welcome, email_change),
    /// `user_id` (verify_email, email_change), `token` (all with a link), `sync_type`,
    /// `status` and `duration` (sync_report). Links are made of the token here; a value that
    /// holds what mail programs make a link of (`evil.example`, `a@b.example`, `word:word`) is
    /// refused (400 `URL_NOT_ALLOWED`), but for an `email` or `new_email`. A `name` with a number
    /// of 7 digits or more, which telephones would dial, is left out of the greeting.
    pub data: Option<BTreeMap<String, String>>,
}

/// A mail that is kept until it is handed over.
#[derive(Serialize, Apiv2Schema)]
pub struct MailReference {
    /// Its id.
    task_id: String,
}

/// Has a mail sent
///
/// Subject, sentences and links are the template's. The mail is handed over within seconds,
/// or as soon as limits, quotas and outages allow it: for 23 hours, and no longer than the
/// link in it lives. With an `Idempotency-Key` header a repeated request sends nothing twice,
/// and another one is refused (409 `IDEMPOTENCY_KEY_REUSED`).
#[api_v2_operation(tags(Mail))]
pub async fn queue(
    caller: Needs<Notify>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Body(request): Body<MailRequest>,
    state: Data<State>,
) -> Result<AcceptedJson<Answer<MailReference>>, Failure<400, 409, 413>> {
    let given = |field: Option<String>| field.filter(|it| !it.is_empty());
    let (Some(to), Some(template)) = (given(request.to), given(request.template)) else {
        return Err(ApiError::bad_request("`to` and `template` are required").into());
    };
    let to: MailAddress = to.parse().map_err(|_no_address| {
        ApiError::bad_request("`to` must be one e-mail address and nothing else")
            .with_code("INVALID_ADDRESS")
    })?;
    let data = request.data.unwrap_or_default();
    let mail = Mail::read(&template, &data).map_err(refused)?;
    let request_digest = digest_of(&(&template, to.as_str(), &data));
    let order = MailOrder {
        mail,
        to,
        by: caller.principal.clone(),
        idempotency_key,
        request_digest,
    };
    let admission = state.limits.take_mail(&order.by, &order.to);
    let queued = state.mailer.queue(&order, admission).await;
    let id = match queued.map_err(not_queued)?? {
        MailQueued::New(id) | MailQueued::Repeated(id) => id,
        MailQueued::KeyReused => {
            return Err(key_reused("mail").into());
        }
        MailQueued::Suppressed => {
            return Err(is_suppressed().into());
        }
    };
    let task_id = id.to_string();
    Ok(AcceptedJson(Answer::saying(
        "Email has been queued",
        MailReference { task_id },
    )))
}

fn refused(error: MailRefused) -> ApiError {
    let code = match &error {
        MailRefused::UnknownTemplate => "UNKNOWN_TEMPLATE",
        MailRefused::Missing(_) => "MISSING_DATA",
        MailRefused::Url(_) => "URL_NOT_ALLOWED",
        MailRefused::Unfit(..) => "INVALID_DATA",
    };
    ApiError::bad_request(error.to_string()).with_code(code)
}

fn not_queued(error: MailError) -> Failure<400, 409, 413> {
    match error {
        MailError::Settings(error) => error.into(),
        MailError::Store(error) => error.into(),
        MailError::NoSite(error) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "SITE_URL_MISSING",
            "The installation does not know its website's address (setting `site_url`)",
        )
        .because(error)
        .into(),
        error @ MailError::Vault(_) => {
            ApiError::unavailable("The mail cannot be kept safely now", error).into()
        }
    }
}

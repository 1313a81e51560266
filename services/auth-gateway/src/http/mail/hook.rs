//! What Resend says of mail: webhooks, signed over the body as it arrives.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use common::crypto::webhook_signature::verify;
use common::types::id::MessageId;
use common::types::mail::MailAddress;
use runtime::http::{ApiError, read_body};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{InboxEntry, NewMailSuppression};
use uuid::Uuid;

use crate::http::failure::Failure;
use crate::state::State;

/// By which the inbox knows these messages.
const CONSUMER: &str = "resend-webhook";
/// How old a signature may be, or how far from now.
const TOLERANCE: Duration = Duration::from_secs(300);
/// Characters of Resend's id of an event.
const LONGEST_ID: usize = 200;

/// What is read of an event.
#[derive(Deserialize)]
struct ResendEvent {
    r#type: String,
    #[serde(default)]
    data: Value,
}

/// Hears an event: an address that bounces for good, or whose owner complains, gets no more
/// mail. All others are taken and change nothing.
pub async fn hear(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, actix_web::Error> {
    let secrets = state.config.mail.webhook_secrets();
    let secrets = secrets.map_err(ApiError::internal)?;
    if secrets.is_empty() {
        return Err(ApiError::not_found("Webhooks of Resend are not configured").into());
    }
    let body = read_body(&request, &mut payload.into_inner()).await?;
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let id = header("svix-id").filter(|id| id.len() <= LONGEST_ID);
    let signed = (|| Some((id?, header("svix-timestamp")?, header("svix-signature")?)))();
    let unsigned = || {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "INVALID_SIGNATURE",
            "The signature is missing, wrong or too old",
        )
    };
    let (id, timestamp, signature) = signed.ok_or_else(unsigned)?;
    verify(
        id,
        timestamp,
        &body,
        signature,
        &secrets,
        Utc::now(),
        TOLERANCE,
    )
    .map_err(|reason| unsigned().because(reason))?;
    let event: ResendEvent = serde_json::from_slice(&body)
        .map_err(|_not_read| ApiError::bad_request("The body is no event of Resend's"))?;
    if let Some(reason) = suppresses(&event) {
        let entry = InboxEntry {
            consumer: CONSUMER,
            message: message(id),
        };
        let suppression = NewMailSuppression {
            addresses: recipients(&event.data["to"]),
            reason,
            event: id.to_owned(),
        };
        let heard = state.store.mail_suppress(entry, &suppression).await;
        heard.map_err(Failure::<0>::from)?;
    }
    Ok(HttpResponse::Ok().json(json!({ "success": true })))
}

/// Why nothing is sent to its recipients any more, if so.
fn suppresses(event: &ResendEvent) -> Option<&'static str> {
    match event.r#type.as_str() {
        "email.bounced" if event.data["bounce"]["type"] == "Permanent" => Some("BOUNCED"),
        "email.complained" => Some("COMPLAINED"),
        "email.suppressed" => Some("SUPPRESSED"),
        _ => None,
    }
}

fn recipients(to: &Value) -> Vec<MailAddress> {
    let texts = match to {
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        one => Vec::from_iter(one.as_str()),
    };
    texts.into_iter().filter_map(|it| it.parse().ok()).collect()
}

/// Resend's ids are texts, those of the inbox are not.
fn message(id: &str) -> MessageId {
    MessageId(Uuid::new_v5(&Uuid::NAMESPACE_URL, id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(value: Value) -> ResendEvent {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_bounces_for_a_while_is_not_suppressed() {
        for (kind, bounce, reason) in [
            ("email.bounced", "Permanent", Some("BOUNCED")),
            ("email.bounced", "Transient", None),
            ("email.complained", "", Some("COMPLAINED")),
            ("email.delivered", "Permanent", None),
            ("contact.created", "", None),
        ] {
            let data = json!({ "bounce": { "type": bounce } });
            let event = event(json!({ "type": kind, "data": data }));
            assert_eq!(suppresses(&event), reason, "{kind} {bounce}");
        }
        assert_eq!(suppresses(&event(json!({ "type": "email.bounced" }))), None);
    }

    #[test]
    fn recipients_are_one_or_several() {
        let one: MailAddress = "a@b.example".parse().unwrap();
        assert_eq!(
            recipients(&json!("A@b.example")),
            std::slice::from_ref(&one)
        );
        assert_eq!(recipients(&json!(["a@b.example", 7, "x"])), [one]);
        assert!(recipients(&Value::Null).is_empty());
    }
}

//! The mails that there are, and dead ones tried again. What stands in a mail is never shown.

use actix_web::web::{Data, Json, Path, Query};
use chrono::{DateTime, Utc};
use common::types::caller::Actor;
use common::types::id::MailId;
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};
use store::{MailAttemptRow, MailFilter, MailReplay, MailRow};
use uuid::Uuid;

use super::suppressions::is_suppressed;
use crate::auth::{Administer, Needs};
use crate::http::failure::Failure;
use crate::http::given::Given;
use crate::http::page::{given, limit, moment, told};
use crate::state::State;

/// The states that there are.
const STATES: [&str; 4] = ["pending", "sent", "dead", "suppressed"];

/// Which mails are wanted. Each field narrows the choice; one that is not known is refused.
#[derive(Debug, Default, Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct MailChoice {
    /// To this address.
    recipient: Option<String>,
    /// `pending`, `sent`, `dead` or `suppressed`.
    state: Option<String>,
    /// Of this template.
    template: Option<String>,
    /// Made at this moment or later, RFC 3339.
    since: Option<String>,
    /// Made before this moment, RFC 3339.
    until: Option<String>,
    /// How many, 1 to 1000; without it 100.
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Some mails.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Mails {
    /// Always true.
    success: bool,
    /// Newest first.
    mails: Vec<QueuedMail>,
    /// How many stand here.
    count: usize,
    /// `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A mail on its way.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct QueuedMail {
    id: Uuid,
    template: String,
    recipient: String,
    subject: String,
    /// `pending`, `sent` (handed over to Resend), `dead` (given up) or `suppressed` (nothing
    /// is sent to the address, or mails are switched off).
    state: String,
    attempts: i32,
    /// Attempts that failed and count.
    failures: i32,
    /// Before then there is no next attempt; it may be that no mail leaves until then, because a
    /// quota is used up, the key is refused or Resend blocks us. `null` while one is under way,
    /// and where the link in it ends before, or the 23 hours within which it is tried.
    next_attempt_at: Option<String>,
    /// When the link in it ends, if it holds one.
    link_expires_at: Option<String>,
    /// Resend's id.
    resend_id: Option<String>,
    /// Who had it sent.
    created_by: String,
    /// Why it is dead or was suppressed.
    reason: Option<String>,
    created_at: String,
    finished_at: Option<String>,
}

/// One mail with its attempts.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct OneMail {
    /// Always true.
    success: bool,
    mail: QueuedMail,
    attempts: Vec<MailAttempt>,
}

/// One request to Resend.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct MailAttempt {
    /// From 1.
    number: i32,
    /// `sending`, `sent`, `failed`, `unknown` (the answer was lost) or `limited`.
    outcome: String,
    /// Whether it counts against the schedule.
    counted: bool,
    /// HTTP status of the answer.
    status: Option<i32>,
    /// Of the answer: at most 1,024 characters, without secrets.
    answer: Option<String>,
    started_at: String,
    /// How long it took.
    milliseconds: Option<i32>,
}

/// Nothing, in the query or in the body: whoever says more there, a dry run perhaps, would not
/// get it.
#[derive(Debug, Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A mail that is tried again.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct ReplayedMail {
    /// Always true.
    success: bool,
    /// A sentence for people.
    message: &'static str,
}

/// Shows mails, newest first
#[api_v2_operation(tags(Mail))]
pub async fn list(
    _caller: Needs<Administer>,
    query: Query<MailChoice>,
    state: Data<State>,
) -> Result<Json<Mails>, Failure<400>> {
    let filter = query.filter()?;
    let before = given(&query.cursor).map(str::parse::<Uuid>).transpose();
    let before = before.map_err(|_unread| {
        ApiError::bad_request("`cursor` must come from an answer to this request")
    })?;
    let most = limit(given(&query.limit))?;
    let rows = state.store.mails(&filter, before.map(MailId), most).await?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == most);
    let last = rows.last().filter(|_| is_full);
    Ok(Json(Mails {
        success: true,
        count: rows.len(),
        next_cursor: last.map(|row| row.id.to_string()),
        mails: rows.into_iter().map(QueuedMail::from).collect(),
    }))
}

/// Shows one mail with its attempts
#[api_v2_operation(tags(Mail))]
pub async fn get(
    _caller: Needs<Administer>,
    id: Path<Uuid>,
    state: Data<State>,
) -> Result<Json<OneMail>, Failure<404>> {
    let id = MailId(*id);
    let filter = MailFilter {
        id: Some(id),
        ..MailFilter::default()
    };
    let row = state.store.mails(&filter, None, 1).await?.pop();
    let row = row.ok_or_else(|| ApiError::not_found("There is no such mail"))?;
    let attempts = state.store.mail_attempts(id).await?;
    Ok(Json(OneMail {
        success: true,
        mail: row.into(),
        attempts: attempts.into_iter().map(MailAttempt::from).collect(),
    }))
}

/// Tries a dead mail again
///
/// From the beginning of the schedule. If Resend had taken it all the same, more than a day
/// ago, it arrives twice. One that held a link cannot be sent again (409 `LINK_ERASED`): have
/// another made.
#[api_v2_operation(tags(Mail))]
pub async fn replay(
    caller: Needs<Administer>,
    id: Path<Uuid>,
    Given(Nothing {}): Given<Nothing>,
    state: Data<State>,
) -> Result<Json<ReplayedMail>, Failure<400, 404, 409, 413>> {
    let actor = Actor::Caller(caller.origin());
    match state.store.mail_replay(MailId(*id), &actor).await? {
        MailReplay::Replayed => Ok(Json(ReplayedMail {
            success: true,
            message: "The mail is tried again",
        })),
        MailReplay::NotDead => Err(ApiError::conflict(
            "Only dead mails are tried again; this one is not",
        )
        .with_code("MAIL_NOT_DEAD")
        .into()),
        MailReplay::Suppressed => Err(is_suppressed().into()),
        MailReplay::Erased => Err(ApiError::conflict(
            "The mail held a link, which is erased by now: have another mail made",
        )
        .with_code("LINK_ERASED")
        .into()),
    }
}

impl MailChoice {
    fn filter(&self) -> Result<MailFilter, ApiError> {
        let recipient = given(&self.recipient).map(str::parse).transpose();
        let recipient = recipient.map_err(|_no_address| {
            ApiError::bad_request("`recipient` must be one e-mail address")
                .with_code("INVALID_ADDRESS")
        })?;
        let state = given(&self.state);
        if state.is_some_and(|state| !STATES.contains(&state)) {
            let why = format!("`state` is none of {}", STATES.join(", "));
            return Err(ApiError::bad_request(why));
        }
        let template = given(&self.template);
        if template.is_some_and(|template| template.contains(char::is_control)) {
            let why = "`template` must not hold control characters";
            return Err(ApiError::bad_request(why));
        }
        Ok(MailFilter {
            id: None,
            recipient,
            state: state.map(str::to_owned),
            template: template.map(str::to_owned),
            since: moment("since", given(&self.since))?,
            until: moment("until", given(&self.until))?,
        })
    }
}

impl From<MailRow> for QueuedMail {
    fn from(row: MailRow) -> Self {
        let moment = |at: Option<DateTime<Utc>>| at.map(told);
        Self {
            id: row.id,
            template: row.template,
            recipient: row.recipient,
            subject: row.subject,
            state: row.state,
            attempts: row.attempts,
            failures: row.failures,
            next_attempt_at: moment(row.due_at),
            link_expires_at: moment(row.expires_at),
            resend_id: row.resend_id,
            created_by: row.created_by,
            reason: row.reason,
            created_at: told(row.created_at),
            finished_at: moment(row.finished_at),
        }
    }
}

impl From<MailAttemptRow> for MailAttempt {
    fn from(row: MailAttemptRow) -> Self {
        Self {
            number: row.number,
            outcome: row.outcome,
            counted: row.counted,
            status: row.status,
            answer: row.answer,
            started_at: told(row.started_at),
            milliseconds: row.milliseconds,
        }
    }
}

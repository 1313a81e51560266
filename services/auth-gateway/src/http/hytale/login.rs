//! Device logins.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use hytale::custody::{CustodyError, LoginAnswer};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use runtime::http::{ApiError, counted_as};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::failure::{HytaleFailure, Unfinished};
use crate::auth::{MayNeed, UseHytale};
use crate::http::given::{Given, required};
use crate::limits::Limit;
use crate::refusals::Reason;
use crate::state::State;

/// Characters that a name for an account may have.
const LONGEST_NAME: usize = 200;

/// How a login is begun.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct DeviceCodeRequest {
    /// What you will call the account: a name of your own, at most 200 characters.
    /// It means the account that the login proves; Hytale's id of it stands in the
    /// answer to the poll and may be used as well.
    pub account_id: Option<String>,
}

/// A login that has begun.
#[derive(Serialize, Apiv2Schema)]
pub struct DeviceCode {
    /// Always true.
    success: bool,
    /// To poll with; keep it secret.
    device_code: String,
    /// To be shown to the person as it is: upper and lower case differ.
    user_code: String,
    /// Where the person goes.
    verification_uri: String,
    /// The same with the code in it.
    verification_uri_complete: Option<String>,
    /// Seconds that the code lives.
    expires_in: u64,
    /// Seconds between two polls, at least.
    interval: u64,
}

/// Which login is asked about. An `account_id`, which existing clients send along, is
/// not needed: the code alone names the login.
#[derive(Deserialize, Apiv2Schema)]
pub struct TokenPollRequest {
    /// The code that the login was begun with. Required.
    pub device_code: Option<String>,
}

/// An access token. Refresh tokens are never handed out: they can be spent once.
#[derive(Serialize, Apiv2Schema)]
pub struct AccessToken {
    /// Always true.
    pub(super) success: bool,
    /// Hytale's id of the account.
    pub(super) account_id: String,
    /// For Hytale's APIs.
    pub(super) access_token: String,
    /// Always `Bearer`.
    pub(super) token_type: String,
    /// Seconds that the token lives.
    pub(super) expires_in: u64,
    /// What the token is good for.
    pub(super) scope: String,
}

/// Begins a device login
///
/// A person then enters the code at Hytale, and the login is polled meanwhile. Without a
/// key, five logins are begun from one address in 15 minutes, `account_id` counts for
/// nothing, and the account that the login proves has no owner; where too many such
/// logins are open, 429 tells when the first of them ends.
#[api_v2_operation(tags(Hytale))]
pub async fn device_code(
    asking: MayNeed<UseHytale>,
    Given(request): Given<DeviceCodeRequest>,
    state: Data<State>,
) -> Result<Json<DeviceCode>, HytaleFailure> {
    let name = request.account_id.map(name_of).transpose()?;
    let principal = asking.caller.map(|caller| caller.principal.clone());
    match &principal {
        Some(principal) => {
            let subject = principal.to_string();
            state.limits.take(Limit::DeviceCode, &subject, None).await?;
        }
        None => {
            state.custody.room_for_strangers().await?;
            // Without an address all share one bucket.
            let subject = asking.origin.ip.map(|ip| counted_as(ip).to_string());
            let subject = subject.as_deref().unwrap_or("unknown");
            state
                .limits
                .take(Limit::StrangersLogins, subject, None)
                .await?;
        }
    }
    let begun = state.custody.begin_login(principal, name).await?;
    Ok(Json(DeviceCode {
        success: true,
        device_code: begun.device_code.expose_secret().to_owned(),
        user_code: begun.user_code,
        verification_uri: begun.verification_uri,
        verification_uri_complete: begun.verification_uri_complete,
        expires_in: begun.expires_in.as_secs(),
        interval: begun.interval.as_secs(),
    }))
}

/// Polls a device login
///
/// 202 while nobody has approved it. Hytale is asked at most once an interval; a
/// poll that comes faster is answered `slow_down`. For two minutes after success the
/// same answer is given again.
#[api_v2_operation(tags(Hytale))]
pub async fn token_poll(
    asking: MayNeed<UseHytale>,
    Given(request): Given<TokenPollRequest>,
    state: Data<State>,
) -> Result<Json<AccessToken>, Unfinished> {
    let code = SecretString::from(required("device_code", request.device_code)?);
    let principal = asking.caller.map(|caller| caller.principal.clone());
    let answer = state
        .custody
        .poll_login(principal.as_ref(), &code, &asking.origin)
        .await
        .inspect_err(|error| {
            if matches!(error, CustodyError::UnknownCode) {
                state
                    .refusals
                    .note(Reason::UnknownCode, asking.origin.clone());
            }
        })?;
    let pending = |status, error, message: &str, retry_after| {
        ApiError::new(status, "AUTHORIZATION_PENDING", message)
            .with_oauth_error(error)
            .after(retry_after)
    };
    match answer {
        LoginAnswer::Tokens {
            account,
            access_token,
            expires_in,
            scope,
        } => Ok(Json(AccessToken {
            success: true,
            account_id: account.to_string(),
            access_token: access_token.expose_secret().to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: expires_in.as_secs(),
            scope,
        })),
        LoginAnswer::Pending { retry_after } => Err(pending(
            StatusCode::ACCEPTED,
            "authorization_pending",
            "User has not yet authorized the device",
            retry_after,
        )
        .into()),
        LoginAnswer::SlowDown { login, retry_after } => {
            state
                .limits
                .take(Limit::FastPolls, &login.to_string(), principal.as_ref())
                .await?;
            Err(pending(
                StatusCode::BAD_REQUEST,
                "slow_down",
                "Polled faster than the interval allows",
                retry_after,
            )
            .into())
        }
    }
}

fn name_of(name: String) -> Result<String, ApiError> {
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(ApiError::bad_request(format!(
            "`account_id` must be at most {LONGEST_NAME} characters, none of them a control character"
        )));
    }
    Ok(name)
}

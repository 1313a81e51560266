//! The caller's accounts.

use actix_web::web::{Data, Json, Path, Query};
use chrono::{DateTime, SecondsFormat, Utc};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use serde::{Deserialize, Serialize};
use store::AccountRow;

use super::failure::HytaleFailure;
use super::tokens::{Done, Profile};
use crate::auth::{Needs, UseHytale};
use crate::http::given::uuid;
use crate::state::State;

const USUAL_PAGE: i64 = 50;
const LARGEST_PAGE: i64 = 200;

/// Which accounts are wanted.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct AccountPage {
    /// How many, 1 to 200; without it 50.
    pub limit: Option<i64>,
    /// Only those behind this id: the last one of the page before.
    pub after: Option<String>,
}

/// Some accounts.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Accounts {
    /// Always true.
    success: bool,
    /// In the order of their ids.
    accounts: Vec<Account>,
    /// `after` of the next page, if there may be one.
    next: Option<String>,
}

/// One account.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct AccountAnswer {
    /// Always true.
    success: bool,
    account: Account,
}

/// An account in custody. Its tokens are not shown.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Account {
    /// Hytale's id.
    id: String,
    /// `live` or `needs_login`.
    state: String,
    /// Why a login is needed, as a word.
    failure: Option<String>,
    /// When the access token ends; it is renewed when it is needed.
    access_expires_at: Option<String>,
    /// When the refresh token ends; it is renewed before.
    refresh_expires_at: Option<String>,
    /// Its profiles, as Hytale said last.
    profiles: Vec<Profile>,
    /// The profile that sessions are made for when none is named.
    selected_profile: Option<String>,
    /// Who may use it.
    owners: Vec<String>,
    /// First login.
    created_at: String,
}

/// Lists your Hytale accounts
#[api_v2_operation(tags(Hytale))]
pub async fn list(
    caller: Needs<UseHytale>,
    page: Query<AccountPage>,
    state: Data<State>,
) -> Result<Json<Accounts>, HytaleFailure> {
    let caller = caller.custody();
    let after = uuid("after", page.after.as_deref())?;
    let limit = page.limit.unwrap_or(USUAL_PAGE).clamp(1, LARGEST_PAGE);
    let rows = state.custody.accounts(&caller, after, limit).await?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == limit);
    let last = rows.last().map(|row| row.account_id.to_string());
    Ok(Json(Accounts {
        success: true,
        accounts: rows.into_iter().map(Account::from).collect(),
        next: last.filter(|_| is_full),
    }))
}

/// Tells how a Hytale account stands
///
/// The id is Hytale's, or your name for the account.
#[api_v2_operation(tags(Hytale))]
pub async fn get(
    caller: Needs<UseHytale>,
    id: Path<String>,
    state: Data<State>,
) -> Result<Json<AccountAnswer>, HytaleFailure> {
    let caller = caller.custody();
    let account = state.custody.resolve(&caller, &id).await?;
    let row = state.custody.account(account).await?;
    Ok(Json(AccountAnswer {
        success: true,
        account: row.into(),
    }))
}

/// Gives a Hytale account up
///
/// Ends its sessions, revokes its tokens at Hytale where that works, and erases them.
/// The audit trail stays.
#[api_v2_operation(tags(Hytale))]
pub async fn release(
    caller: Needs<UseHytale>,
    id: Path<String>,
    state: Data<State>,
) -> Result<Json<Done>, HytaleFailure> {
    let caller = caller.custody();
    let account = state.custody.resolve(&caller, &id).await?;
    state.custody.release(account, &caller.origin).await?;
    Ok(Json(Done {
        success: true,
        message: "The account was given up".to_owned(),
    }))
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        Self {
            id: row.account_id.to_string(),
            state: row.state,
            failure: row.failure,
            access_expires_at: row.access_expires_at.map(time),
            refresh_expires_at: row.refresh_expires_at.map(time),
            // What was stored as profiles reads back as profiles.
            profiles: serde_json::from_value(row.profiles).unwrap_or_default(),
            selected_profile: row.selected_profile.map(|id| id.to_string()),
            owners: row.owners,
            created_at: time(row.created_at),
        }
    }
}

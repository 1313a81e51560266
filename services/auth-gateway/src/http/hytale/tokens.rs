//! Accounts in custody: their access tokens and profiles.

use actix_web::web::{Data, Json};
use chrono::Utc;
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::failure::HytaleFailure;
use super::login::AccessToken;
use crate::auth::{Needs, UseHytale};
use crate::http::given::{Given, required, uuid};
use crate::limits::Limit;
use crate::state::State;

/// Which account is meant.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct AccountChoice {
    /// Your name for it, or Hytale's id. Required.
    pub account_id: Option<String>,
}

/// Which profile of which account is meant.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct ProfileChoice {
    /// Your name for the account, or Hytale's id. Required.
    pub account_id: Option<String>,
    /// Hytale's id of the profile, also as `profile_uuid`. Required.
    pub profile_id: Option<String>,
}

/// The profiles of an account.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Profiles {
    /// Always true.
    success: bool,
    /// Hytale's id of the account.
    owner: String,
    /// Its profiles; empty without the game.
    profiles: Vec<Profile>,
}

/// A game profile.
#[derive(Debug, Serialize, Deserialize, Apiv2Schema)]
pub struct Profile {
    /// Hytale's id.
    uuid: String,
    /// The name that players see.
    username: String,
}

/// That it is done.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Done {
    /// Always true.
    pub(super) success: bool,
    /// What was done, for people.
    pub(super) message: String,
}

/// Refreshes an account's access token
///
/// Spends the account's refresh token, once, however many ask at the same time.
#[api_v2_operation(tags(Hytale))]
pub async fn refresh_token(
    caller: Needs<UseHytale>,
    Given(request): Given<AccountChoice>,
    state: Data<State>,
) -> Result<Json<AccessToken>, HytaleFailure> {
    let caller = caller.custody();
    let name = required("account_id", request.account_id)?;
    let account = state.custody.resolve(&caller, &name).await?;
    state
        .limits
        .of_account(Limit::RefreshToken, account, &caller.principal)
        .await?;
    let access = state.custody.refresh(account, &caller.origin).await?;
    let left = (access.expires_at - Utc::now()).num_seconds();
    Ok(Json(AccessToken {
        success: true,
        account_id: account.id.to_string(),
        access_token: access.token.expose_secret().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: u64::try_from(left).unwrap_or_default(),
        scope: access.scope,
    }))
}

/// Lists an account's game profiles
#[api_v2_operation(tags(Hytale))]
pub async fn profiles(
    caller: Needs<UseHytale>,
    Given(request): Given<AccountChoice>,
    state: Data<State>,
) -> Result<Json<Profiles>, HytaleFailure> {
    let caller = caller.custody();
    let name = required("account_id", request.account_id)?;
    let account = state.custody.resolve(&caller, &name).await?;
    state
        .limits
        .of_account(Limit::GameSession, account, &caller.principal)
        .await?;
    let profiles = state.custody.profiles(account, &caller.origin).await?;
    Ok(Json(Profiles {
        success: true,
        owner: profiles.owner.to_string(),
        profiles: profiles
            .profiles
            .into_iter()
            .map(|it| Profile {
                uuid: it.uuid.to_string(),
                username: it.username,
            })
            .collect(),
    }))
}

/// Selects the profile that game sessions are made for
#[api_v2_operation(tags(Hytale))]
pub async fn select_profile(
    caller: Needs<UseHytale>,
    Given(request): Given<ProfileChoice>,
    state: Data<State>,
) -> Result<Json<Done>, HytaleFailure> {
    let caller = caller.custody();
    let name = required("account_id", request.account_id)?;
    let profile = required("profile_id", request.profile_id)?;
    let profile = uuid("profile_id", Some(&profile))?.unwrap_or_default();
    let account = state.custody.resolve(&caller, &name).await?;
    state
        .limits
        .of_account(Limit::GameSession, account, &caller.principal)
        .await?;
    state
        .custody
        .select_profile(account, profile, &caller.origin)
        .await?;
    Ok(Json(Done {
        success: true,
        message: format!("Profile {profile} selected"),
    }))
}

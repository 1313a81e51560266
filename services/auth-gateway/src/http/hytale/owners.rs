//! Whose an account is.

use actix_web::web::{Data, Json, Path};
use common::types::caller::Principal;
use common::types::scope::Scope;
use hytale::custody;
use paperclip::actix::api_v2_operation;
use runtime::http::ApiError;

use super::failure::HytaleFailure;
use super::tokens::Done;
use crate::auth::{Needs, ShareAccounts};
use crate::state::State;

/// Shares a Hytale account
///
/// The owner is `client:` or `user:` with an id, or `service`; it has the account's rights
/// beside those that have them. The id is Hytale's, or your name for the account.
/// Repeated, it changes nothing.
#[api_v2_operation(tags(Hytale))]
pub async fn add(
    caller: Needs<ShareAccounts>,
    place: Path<(String, String)>,
    state: Data<State>,
) -> Result<Json<Done>, HytaleFailure> {
    let (id, owner) = place.into_inner();
    let (caller, owner) = (asking(&caller), principal(&owner)?);
    let account = state.custody.resolve(&caller, &id).await?;
    state.custody.share(&caller, account, &owner).await?;
    Ok(Json(Done {
        success: true,
        message: "The account is shared".to_owned(),
    }))
}

/// Takes a Hytale account from one of its owners
///
/// Of its last owner as well: it is for internal services then (`hytale:all`). Its tokens
/// and sessions stay. Repeated, it changes nothing.
#[api_v2_operation(tags(Hytale))]
pub async fn remove(
    caller: Needs<ShareAccounts>,
    place: Path<(String, String)>,
    state: Data<State>,
) -> Result<Json<Done>, HytaleFailure> {
    let (id, owner) = place.into_inner();
    let (caller, owner) = (asking(&caller), principal(&owner)?);
    let account = state.custody.resolve(&caller, &id).await?;
    state.custody.unshare(&caller, account, &owner).await?;
    Ok(Json(Done {
        success: true,
        message: "The account is no longer shared with this owner".to_owned(),
    }))
}

/// An administrator may say of every account whose it is, and no more of it.
fn asking(caller: &Needs<ShareAccounts>) -> custody::Caller {
    let asking = caller.custody();
    custody::Caller {
        all_accounts: asking.all_accounts || caller.scopes.has(Scope::Admin),
        ..asking
    }
}

fn principal(text: &str) -> Result<Principal, HytaleFailure> {
    let named = text.parse().ok().filter(|_| !text.contains('\0'));
    Ok(named.ok_or_else(|| {
        ApiError::bad_request(
            "The owner must be `client:` with a UUID, `user:` with an id, or `service`",
        )
    })?)
}

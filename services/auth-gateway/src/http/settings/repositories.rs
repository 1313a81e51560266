//! The list of repositories, each named by `owner/repo`.

use actix_web::web::{Data, Json};
use common::types::caller::Actor;
use common::types::setting::repositories::{self, RepositoryChange};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use reach::settings::Wishes;
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};

use crate::auth::{Administer, Caller, Needs};
use crate::http::body::Body;
use crate::http::failure::Failure;
use crate::http::given::{Given, number};
use crate::http::settings::tagged::IfMatch;
use crate::state::State;

/// The list.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Repositories {
    /// Always true.
    success: bool,
    /// Each `owner/repo`.
    repos: Vec<String>,
}

/// A repository to add.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct NewRepository {
    /// `owner/repo`.
    repo: String,
}

/// A repository that takes another's place.
#[derive(Debug, Deserialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct OtherRepository {
    /// The one that is there; if it is not, the other one is added.
    old_repo: String,
    /// `owner/repo`.
    repo: String,
}

/// A repository to remove.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct FormerRepository {
    /// `owner/repo`.
    repo: Option<String>,
    /// Its place in the list, from 0, where no name is given.
    #[serde(default, deserialize_with = "number")]
    index: Option<u32>,
}

/// Lists the repositories
#[api_v2_operation(tags(Settings))]
pub async fn list(
    _caller: Needs<Administer>,
    state: Data<State>,
) -> Result<Json<Repositories>, Failure> {
    Ok(Json(current(&state).await?))
}

/// Adds a repository
///
/// Adding it again changes nothing.
#[api_v2_operation(tags(Settings))]
pub async fn add(
    caller: Needs<Administer>,
    versions: IfMatch,
    Body(new): Body<NewRepository>,
    state: Data<State>,
) -> Result<Json<Repositories>, Failure<400, 412, 413>> {
    let change = RepositoryChange::Merge(vec![name(&new.repo)?]);
    changed(change, &versions, &caller, &state).await
}

/// Puts a repository in another's place
#[api_v2_operation(tags(Settings))]
pub async fn replace(
    caller: Needs<Administer>,
    versions: IfMatch,
    Body(other): Body<OtherRepository>,
    state: Data<State>,
) -> Result<Json<Repositories>, Failure<400, 412, 413>> {
    let change = RepositoryChange::Rename(name(&other.old_repo)?, name(&other.repo)?);
    changed(change, &versions, &caller, &state).await
}

/// Removes a repository
///
/// By its name, or by its place where a place alone is given, in query or body. Removing
/// by name again changes nothing.
#[api_v2_operation(tags(Settings))]
pub async fn remove(
    caller: Needs<Administer>,
    versions: IfMatch,
    Given(former): Given<FormerRepository>,
    state: Data<State>,
) -> Result<Json<Repositories>, Failure<400, 412, 413>> {
    let change = match (former.repo, former.index) {
        (Some(repo), _) => RepositoryChange::Remove(name(&repo)?),
        (None, Some(index)) => RepositoryChange::RemoveAt(index),
        (None, None) => {
            return Err(ApiError::bad_request("`repo` or `index` is required").into());
        }
    };
    changed(change, &versions, &caller, &state).await
}

async fn changed<const A: u16, const B: u16, const C: u16>(
    change: RepositoryChange,
    IfMatch(versions): &IfMatch,
    caller: &Caller,
    state: &State,
) -> Result<Json<Repositories>, Failure<A, B, C>> {
    let mut wishes = Wishes::default();
    wishes.repositories(change);
    let actor = Actor::Caller(caller.origin());
    state.settings.change(&wishes, versions, &actor).await?;
    Ok(Json(current(state).await?))
}

async fn current<const A: u16, const B: u16, const C: u16>(
    state: &State,
) -> Result<Repositories, Failure<A, B, C>> {
    let settings = state.settings.newest().await?;
    Ok(Repositories {
        success: true,
        repos: settings.repositories(),
    })
}

fn name(given: &str) -> Result<String, ApiError> {
    let name = repositories::name(given);
    name.map_err(|_invalid| ApiError::bad_request("Invalid repo format. Use owner/repo."))
}

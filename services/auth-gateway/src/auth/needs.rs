//! What routes need, said by the type of what their handlers take.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use common::types::caller::Origin;
use common::types::scope::{Scope, Scopes};
use paperclip::actix::{Apiv2Security, OperationModifier};
use paperclip::v2::models::{DefaultOperationRaw, SecurityScheme};
use paperclip::v2::schema::Apiv2Schema;
use runtime::http::ApiError;

use super::caller::{Caller, Place};
use super::identify::{Credentials, Identity};
use super::known::Known;
use super::verdicts::Refused;
use crate::state::State;

/// What a route needs of its callers.
pub trait Requirement {
    /// One of these scopes lets a caller in; where there are none, good credentials do.
    const ANY_OF: &'static [Scope];
}

/// Nothing but good credentials.
pub enum BeKnown {}

impl Requirement for BeKnown {
    const ANY_OF: &'static [Scope] = &[];
}

/// Asking for syncs, cancelling and confirming them.
pub enum RunSyncs {}

impl Requirement for RunSyncs {
    const ANY_OF: &'static [Scope] = &[Scope::Sync];
}

/// Looking at syncs.
pub enum ReadSyncs {}

impl Requirement for ReadSyncs {
    const ANY_OF: &'static [Scope] = &[Scope::Sync, Scope::Read];
}

/// Looking at servers.
pub enum ReadServers {}

impl Requirement for ReadServers {
    const ANY_OF: &'static [Scope] = &[Scope::Read];
}

/// Using Hytale accounts: the caller's own or, with `hytale:all`, every one.
pub enum UseHytale {}

impl Requirement for UseHytale {
    const ANY_OF: &'static [Scope] = &[Scope::Hytale, Scope::HytaleAll];
}

/// Saying whose a Hytale account is: for its owners, and for administrators.
pub enum ShareAccounts {}

impl Requirement for ShareAccounts {
    const ANY_OF: &'static [Scope] = &[Scope::Hytale, Scope::HytaleAll, Scope::Admin];
}

/// Having messages sent.
pub enum Notify {}

impl Requirement for Notify {
    const ANY_OF: &'static [Scope] = &[Scope::Notify];
}

/// Looking at what only administrators may see.
pub enum Administer {}

impl Requirement for Administer {
    const ANY_OF: &'static [Scope] = &[Scope::Admin];
}

/// Writing the logs of servers; of which ones, the key's limits say.
pub enum WriteServerLogs {}

impl Requirement for WriteServerLogs {
    const ANY_OF: &'static [Scope] = &[Scope::Logs];
}

/// Reading the logs of servers: of all, or with `hytale` alone those of a user's own.
pub enum ReadServerLogs {}

impl Requirement for ReadServerLogs {
    const ANY_OF: &'static [Scope] = &[Scope::Read, Scope::Admin, Scope::Hytale];
}

/// The caller, who has what the route needs. A handler that takes this value, and takes
/// it first, is closed to everybody else.
pub struct Needs<R> {
    caller: Caller,
    requirement: PhantomData<R>,
}

impl<R> Deref for Needs<R> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// The caller who has what the route needs, or somebody without any credentials.
/// Credentials that are not good are refused all the same.
pub struct MayNeed<R> {
    /// Who asks; `None`: nobody that we know.
    pub caller: Option<Caller>,
    /// Where the request came from.
    pub origin: Origin,
    requirement: PhantomData<R>,
}

impl<R: Requirement> FromRequest for Needs<R> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(with_scope::<R>(request).map(|caller| Self {
            caller,
            requirement: PhantomData,
        }))
    }
}

/// How often credentials are looked at again while an answer lasts. A look costs nothing
/// while no credential changes.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

impl<R: Requirement> Needs<R> {
    /// Ends when whoever has these credentials may no longer have what the route needs, or
    /// when nobody can tell: for answers that go on and on. Nothing of the request is held.
    pub async fn until_refused(credentials: Credentials, state: Data<State>) {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            match timeout(LOOK_AGAIN, credentials.identity(&state)).await {
                Ok(Identity::Known(known)) if suffice::<R>(known.scopes) => {}
                _ => return,
            }
        }
    }
}

impl<R: Requirement> FromRequest for MayNeed<R> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let is_nobody = matches!(
            request.extensions().get::<Identity>(),
            Some(Identity::Nobody)
        );
        let caller = if is_nobody {
            Ok(None)
        } else {
            with_scope::<R>(request).map(Some)
        };
        ready(caller.map(|caller| Self {
            origin: match &caller {
                Some(caller) => caller.origin(),
                None => Place::of(request).origin(None),
            },
            caller,
            requirement: PhantomData,
        }))
    }
}

fn with_scope<R: Requirement>(request: &HttpRequest) -> Result<Caller, ApiError> {
    let known = known(request)?;
    if suffice::<R>(known.scopes) {
        return Ok(Caller::new(known, Place::of(request)));
    }
    let needed = named(R::ANY_OF);
    Err(ApiError::forbidden(format!(
        "The key or token lacks scope {needed}"
    )))
}

fn suffice<R: Requirement>(scopes: Scopes) -> bool {
    R::ANY_OF.is_empty() || scopes.has_any(R::ANY_OF)
}

fn known(request: &HttpRequest) -> Result<Arc<Known>, ApiError> {
    let extensions = request.extensions();
    match extensions.get::<Identity>() {
        Some(Identity::Known(known)) => Ok(Arc::clone(known)),
        Some(Identity::Unchecked(error)) => Err(ApiError::unavailable(
            "The key or token cannot be checked now",
            error.clone(),
        )),
        Some(Identity::Refused(Refused::ExpiredToken)) => Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "EXPIRED_TOKEN",
            "The token has expired",
        )),
        Some(Identity::Refused(Refused::Token)) => Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "INVALID_TOKEN",
            "Invalid token",
        )),
        Some(Identity::Nobody | Identity::Refused(Refused::Key)) | None => {
            Err(ApiError::unauthorized("Invalid or missing API key"))
        }
    }
}

/// For example "`sync` or `read`".
fn named(scopes: &[Scope]) -> String {
    let words: Vec<String> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
    words.join(" or ")
}

/// How keys are sent, for the document.
#[derive(Apiv2Security)]
#[openapi(
    apiKey,
    alias = "ApiKey",
    in = "header",
    name = "X-API-Key",
    description = "A client's key (`nodebyte api-key create`), or `BACKEND_API_KEY` of the \
                   installation, which has every scope but `admin`."
)]
struct ApiKey;

impl<R> Apiv2Schema for Needs<R> {
    fn name() -> Option<String> {
        ApiKey::name()
    }

    fn security_scheme() -> Option<SecurityScheme> {
        ApiKey::security_scheme()
    }
}

impl<R: Requirement> OperationModifier for Needs<R> {
    fn update_parameter(operation: &mut DefaultOperationRaw) {
        let needed = if R::ANY_OF.is_empty() {
            "Needs no scope.".to_owned()
        } else {
            format!("Needs scope {}.", named(R::ANY_OF))
        };
        tell(operation, &needed);
    }
}

impl<R> Apiv2Schema for MayNeed<R> {
    fn name() -> Option<String> {
        ApiKey::name()
    }

    fn security_scheme() -> Option<SecurityScheme> {
        ApiKey::security_scheme()
    }
}

impl<R: Requirement> OperationModifier for MayNeed<R> {
    fn update_parameter(operation: &mut DefaultOperationRaw) {
        let needed = named(R::ANY_OF);
        let told = format!(
            "Open to callers without credentials; those that are sent need scope {needed}."
        );
        tell(operation, &told);
        // An empty requirement: none is a choice as well.
        operation.security.push(BTreeMap::new());
    }
}

fn tell(operation: &mut DefaultOperationRaw, sentence: &str) {
    let description = operation.description.take();
    operation.description = Some(match description {
        Some(description) => format!("{} {sentence}", description.trim_end()),
        None => sentence.to_owned(),
    });
}

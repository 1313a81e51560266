//! What routes need, said by the type of what their handlers take.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use common::types::scope::Scope;
use paperclip::actix::{Apiv2Security, OperationModifier};
use paperclip::v2::models::{DefaultOperationRaw, SecurityScheme};
use paperclip::v2::schema::Apiv2Schema;
use runtime::http::ApiError;

use super::caller::Caller;
use super::identify::Identity;
use super::origin::origin;

/// What a route needs of its callers.
pub trait Requirement {
    /// One of these scopes lets a caller in.
    const ANY_OF: &'static [Scope];
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

impl<R: Requirement> FromRequest for Needs<R> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(known(request).and_then(|caller| {
            if caller.scopes.has_any(R::ANY_OF) {
                Ok(Self {
                    caller,
                    requirement: PhantomData,
                })
            } else {
                let needed = named(R::ANY_OF);
                Err(ApiError::forbidden(format!("The key lacks scope {needed}")))
            }
        }))
    }
}

fn known(request: &HttpRequest) -> Result<Caller, ApiError> {
    let identity = request.extensions().get::<Identity>().cloned();
    match identity {
        Some(Identity::Known(principal, scopes)) => Ok(Caller {
            origin: origin(request, Some(principal.clone())),
            principal,
            scopes,
        }),
        Some(Identity::Unchecked(error)) => Err(ApiError::unavailable(
            "The key cannot be checked now",
            error,
        )),
        Some(Identity::Nobody | Identity::Refused) | None => {
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
        let scope = format!("Needs scope {}.", named(R::ANY_OF));
        let description = operation.description.take();
        operation.description = Some(match description {
            Some(description) => format!("{} {scope}", description.trim_end()),
            None => scope,
        });
    }
}

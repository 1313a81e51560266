//! Whose credentials a request carries.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, LazyLock};

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use common::crypto::api_key;
use common::types::caller::Principal;
use common::types::scope::{Scope, Scopes};
use paperclip::actix::OperationModifier;
use paperclip::v2::schema::Apiv2Schema;
use runtime::http::{ApiError, client_key};
use secrecy::{ExposeSecret, SecretString};

use super::caller::Place;
use super::known::Known;
use super::verdicts::{NoVerdict, Refused};
use crate::gate::Gate;
use crate::limits::{self, Attempt};
use crate::refusals::Reason;
use crate::state::State;

/// The header that carries a key. A query parameter is not read: it would end up in the
/// logs of every proxy.
pub(super) const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The scheme of `Authorization` that carries a token (RFC 6750), and the blank behind.
const BEARER: &[u8] = b"bearer ";

/// What is known of the sender.
#[derive(Debug, Clone)]
pub(super) enum Identity {
    /// No credentials came along.
    Nobody,
    /// Credentials came along that are not good.
    Refused(Refused),
    /// Credentials came along that nobody can check now.
    Unchecked(NoVerdict),
    /// Whom they stand for.
    Known(Arc<Known>),
}

/// What a request carries.
#[derive(Debug, Clone)]
pub struct Credentials {
    key: Option<HeaderValue>,
    authorization: Option<HeaderValue>,
}

/// Finds out who sent the request and keeps it with it. Refuses only whose address has
/// tried too many credentials that were not good, unless these are known to be good.
pub struct Identify;

impl Gate for Identify {
    fn at_hand(state: &State, request: &ServiceRequest) -> Option<Result<(), ApiError>> {
        let headers = request.headers();
        let identity = at_hand(state, headers.get(KEY), headers.get(AUTHORIZATION))?;
        request.extensions_mut().insert(identity);
        Some(Ok(()))
    }

    async fn ask(state: &Data<State>, request: &ServiceRequest) -> Result<(), ApiError> {
        let credentials = Credentials::of(request.headers());
        let identity = try_out(&credentials, state, request).await?;
        request.extensions_mut().insert(identity);
        Ok(())
    }
}

/// Whose good credentials a request carries, once [`Identify`] has found out.
pub fn known(request: &HttpRequest) -> Option<Arc<Known>> {
    match request.extensions().get::<Identity>() {
        Some(Identity::Known(known)) => Some(Arc::clone(known)),
        _ => None,
    }
}

async fn try_out(
    credentials: &Credentials,
    state: &Data<State>,
    request: &ServiceRequest,
) -> Result<Identity, ApiError> {
    let address = limits::address(request);
    let origin = Place::of(request.request()).origin(None);
    let attempt = match attempt(credentials, state, &address).await {
        Ok(attempt) => attempt,
        Err(NoAttempt::NoTurn) => return Ok(Identity::Unchecked(NoVerdict::NoTurn)),
        Err(NoAttempt::TooMany(refusal)) => {
            state.refusals.note(Reason::TooManyCredentials, origin);
            return Err(refusal);
        }
    };
    let (credentials, state) = (credentials.clone(), state.clone());
    // A task of its own: who hangs up does not take along what is to be given back.
    let look = actix_web::rt::spawn(async move {
        let identity = credentials.identity(&state).await;
        match (attempt, &identity) {
            // A token that was good is no guess: whoever left a page open shows it, and
            // others come from the same address.
            (None, Identity::Refused(Refused::Key | Refused::Token)) => {
                // Refused it is already; the next one may not be looked at.
                let _counted = state.limits.count_attempt(&address).await;
            }
            (None, _) | (Some(_), Identity::Refused(Refused::Key | Refused::Token)) => {}
            (Some(attempt), _) => state.limits.attempt_did_not_fail(&address, attempt).await,
        }
        if let Identity::Refused(Refused::Key | Refused::Token) = identity {
            state.refusals.note(Reason::InvalidCredentials, origin);
        }
        identity
    });
    Ok(look
        .await
        .unwrap_or(Identity::Unchecked(NoVerdict::GivenUp)))
}

/// Why credentials are not tried.
enum NoAttempt {
    /// The address has tried too many that were not good: 429.
    TooMany(ApiError),
    /// Those before them take too long.
    NoTurn,
}

/// Counts credentials before they are looked at; `None`: they are no guess, be it since
/// another request with the same ones came first.
async fn attempt(
    credentials: &Credentials,
    state: &State,
    address: &str,
) -> Result<Option<Attempt>, NoAttempt> {
    if credentials.are_no_guess(state) {
        return Ok(None);
    }
    let turn = state.limits.turn(address).await;
    if credentials.are_no_guess(state) {
        return Ok(None);
    }
    let turn = turn.ok_or(NoAttempt::NoTurn)?;
    match state.limits.attempt(address, turn).await {
        Ok(attempt) => Ok(Some(attempt)),
        Err(_) if credentials.are_no_guess(state) => Ok(None),
        Err(refusal) => Err(NoAttempt::TooMany(refusal)),
    }
}

impl FromRequest for Credentials {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request.headers())))
    }
}

impl Apiv2Schema for Credentials {}
impl OperationModifier for Credentials {}

impl Credentials {
    /// Those of a request.
    pub fn of(headers: &HeaderMap) -> Self {
        // They must not stand in what is printed of a request.
        let secret = |name: HeaderName| {
            let mut value = headers.get(name)?.clone();
            value.set_sensitive(true);
            Some(value)
        };
        Self {
            key: secret(KEY),
            authorization: secret(AUTHORIZATION),
        }
    }

    /// Whether whoever shows them guesses nothing: they were good a while ago.
    fn are_no_guess(&self, state: &State) -> bool {
        let key = self.key.as_ref().is_none_or(|given| {
            let hash = given.to_str().ok().and_then(api_key::hash);
            key_at_hand(state, given).is_some()
                || hash.is_some_and(|hash| state.keys.is_no_guess(&hash))
        });
        let bearer = self.authorization.as_ref().is_none_or(|given| {
            token(given.as_bytes()).is_some_and(|token| state.bearers.is_no_guess(token))
        });
        key && bearer
    }

    /// Whom they stand for now. Both, where both came along, must be good.
    pub(super) async fn identity(&self, state: &State) -> Identity {
        let (key, authorization) = (self.key.as_ref(), self.authorization.as_ref());
        if let Some(identity) = at_hand(state, key, authorization) {
            return identity;
        }
        match (&self.key, &self.authorization) {
            (None, None) => Identity::Nobody,
            (Some(key), None) => of_key(state, key).await,
            (None, Some(authorization)) => of_bearer(state, authorization).await,
            (Some(key), Some(authorization)) => both(
                of_key(state, key).await,
                of_bearer(state, authorization).await,
            ),
        }
    }
}

/// Whom credentials stand for, if that is known without asking anybody: none, or good ones.
fn at_hand(
    state: &State,
    key: Option<&HeaderValue>,
    authorization: Option<&HeaderValue>,
) -> Option<Identity> {
    Some(match (key, authorization) {
        (None, None) => Identity::Nobody,
        (Some(key), None) => Identity::Known(key_at_hand(state, key)?),
        (None, Some(authorization)) => Identity::Known(bearer_at_hand(state, authorization)?),
        (Some(key), Some(authorization)) => Identity::Known(Arc::new(Known::both(
            &*key_at_hand(state, key)?,
            &*bearer_at_hand(state, authorization)?,
        ))),
    })
}

/// Both must be good.
fn both(key: Identity, bearer: Identity) -> Identity {
    match (key, bearer) {
        (Identity::Known(key), Identity::Known(bearer)) => {
            Identity::Known(Arc::new(Known::both(&key, &bearer)))
        }
        (Identity::Refused(refused), _) | (_, Identity::Refused(refused)) => {
            Identity::Refused(refused)
        }
        (Identity::Unchecked(error), _) | (_, Identity::Unchecked(error)) => {
            Identity::Unchecked(error)
        }
        (Identity::Nobody, other) | (other, Identity::Nobody) => other,
    }
}

/// Whom the installation's own key stands for.
static SERVICE: LazyLock<Arc<Known>> = LazyLock::new(|| {
    let scopes = Scopes::all().without(Scope::Admin);
    Arc::new(Known::of(Principal::Service, scopes))
});

fn key_at_hand(state: &State, given: &HeaderValue) -> Option<Arc<Known>> {
    let given = given.to_str().ok()?;
    let hash = api_key::hash(given);
    let installation = state.config.security.backend_api_key.as_ref();
    // Keys of clients have a form of their own, and to compare one with the installation's
    // costs two more hashes: only where that has the same form.
    let may_be = |expected: &&SecretString| {
        hash.is_none() || api_key::hash(expected.expose_secret()).is_some()
    };
    let installation = installation.filter(may_be);
    if installation.is_some_and(|expected| client_key::matches(expected, given)) {
        return Some(Arc::clone(&SERVICE));
    }
    state.keys.known(&hash?)
}

async fn of_key(state: &State, given: &HeaderValue) -> Identity {
    if let Some(known) = key_at_hand(state, given) {
        return Identity::Known(known);
    }
    let Some(hash) = given.to_str().ok().and_then(api_key::hash) else {
        return Identity::Refused(Refused::Key);
    };
    match state.keys.of(hash).await {
        Ok(Ok(key)) => Identity::Known(key.value.known),
        Ok(Err(refused)) => Identity::Refused(refused),
        Err(error) => Identity::Unchecked(error),
    }
}

fn bearer_at_hand(state: &State, given: &HeaderValue) -> Option<Arc<Known>> {
    state.bearers.known(token(given.as_bytes())?)
}

async fn of_bearer(state: &State, given: &HeaderValue) -> Identity {
    let Some(Ok(token)) = token(given.as_bytes()).map(str::from_utf8) else {
        return Identity::Refused(Refused::Token);
    };
    match state.bearers.of(token).await {
        Ok(Ok(bearer)) => Identity::Known(bearer.value),
        Ok(Err(refused)) => Identity::Refused(refused),
        Err(error) => Identity::Unchecked(error),
    }
}

/// The token of `Authorization`; schemes are written in any case.
fn token(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(BEARER.len())?;
    let blanks = token.iter().take_while(|byte| **byte == b' ').count();
    scheme
        .eq_ignore_ascii_case(BEARER)
        .then(|| &token[blanks..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(scopes: Scopes) -> Identity {
        Identity::Known(Arc::new(Known::of(
            Principal::User("anna".to_owned()),
            scopes,
        )))
    }

    #[test]
    fn one_bad_credential_spoils_the_other() {
        let good = || user(Scopes::all());
        let bad = || Identity::Refused(Refused::Token);
        let unchecked = || Identity::Unchecked(NoVerdict::GivenUp);
        assert!(matches!(both(good(), bad()), Identity::Refused(_)));
        assert!(matches!(both(bad(), good()), Identity::Refused(_)));
        assert!(matches!(both(unchecked(), bad()), Identity::Refused(_)));
        assert!(matches!(both(unchecked(), good()), Identity::Unchecked(_)));
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_no_other_is_taken() {
        assert_eq!(token(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(token(b"BEARER  abc"), Some(&b"abc"[..]));
        for other in ["abc", "Bearer", "Basic abc", "Bearerabc", "", "é"] {
            assert_eq!(token(other.as_bytes()), None, "{other}");
        }
    }
}

//! Whose credentials a request carries.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, ResponseError};
use common::crypto::api_key;
use common::types::caller::Principal;
use common::types::scope::{Scope, Scopes};
use runtime::http::{ApiError, client_key};
use secrecy::{ExposeSecret, SecretString};
use store::ValidApiKey;

use super::bearers::Bearer;
use super::origin::origin;
use super::verdicts::{NoVerdict, Refused};
use crate::limits::{self, Attempt};
use crate::refusals::Reason;
use crate::state::State;

/// The header that carries a key. A query parameter is not read: it would end up in the
/// logs of every proxy.
pub(super) const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The scheme of `Authorization` that carries a token (RFC 6750), and the blank behind.
const BEARER: &str = "bearer ";

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
    Known(Known),
}

/// Whom good credentials stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// The user of the token or, without one, the client of the key.
    pub principal: Principal,
    /// The client, where a token came along and the client's key does not reach to the
    /// accounts of others: the call is about what belongs to both.
    pub and: Option<Principal>,
    /// The client whose key came along with a token.
    pub client: Option<Principal>,
    /// What the credentials may be used for.
    pub scopes: Scopes,
}

/// What a request carries, kept for answers that last.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    key: Option<HeaderValue>,
    authorization: Option<HeaderValue>,
}

/// Finds out who sent the request and keeps it with it. Refuses only whose address has
/// tried too many credentials that were not good, unless these are known to be good.
pub async fn identify(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let credentials = Credentials::of(request.headers());
    let identity = match request.app_data::<Data<State>>() {
        // The usual case carries along nothing of what the other one needs.
        Some(state) => match credentials.at_hand(state) {
            Some(identity) => Ok(identity),
            None => Box::pin(try_out(&credentials, state, &request)).await,
        },
        None => Ok(Identity::Refused(Refused::Key)),
    };
    match identity {
        Ok(identity) => {
            request.extensions_mut().insert(identity);
            request.extensions_mut().insert(credentials);
            Ok(next.call(request).await?.map_into_left_body())
        }
        // An answer, not an error: it passes all that answers pass.
        Err(refusal) => Ok(request
            .into_response(refusal.error_response())
            .map_into_right_body()),
    }
}

async fn try_out(
    credentials: &Credentials,
    state: &Data<State>,
    request: &ServiceRequest,
) -> Result<Identity, ApiError> {
    let address = limits::address(request);
    let origin = origin(request.request(), None);
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

impl Credentials {
    fn of(headers: &HeaderMap) -> Self {
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

    /// Whom they stand for, if that is known without asking anybody: none, or good ones.
    fn at_hand(&self, state: &State) -> Option<Identity> {
        Some(match (&self.key, &self.authorization) {
            (None, None) => Identity::Nobody,
            (Some(key), None) => key_at_hand(state, key)?,
            (None, Some(authorization)) => bearer_at_hand(state, authorization)?,
            (Some(key), Some(authorization)) => both(
                key_at_hand(state, key)?,
                bearer_at_hand(state, authorization)?,
            ),
        })
    }

    /// Whether whoever shows them guesses nothing: they were good a while ago.
    fn are_no_guess(&self, state: &State) -> bool {
        let key = self.key.as_ref().is_none_or(|given| {
            let hash = given.to_str().ok().and_then(api_key::hash);
            key_at_hand(state, given).is_some()
                || hash.is_some_and(|hash| state.keys.is_no_guess(&hash))
        });
        let bearer = self.authorization.as_ref().is_none_or(|given| {
            let token = given.to_str().ok().and_then(token);
            token.is_some_and(|token| state.bearers.is_no_guess(token))
        });
        key && bearer
    }

    /// Whom they stand for now. Both, where both came along, must be good.
    pub(super) async fn identity(&self, state: &State) -> Identity {
        if let Some(identity) = self.at_hand(state) {
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

/// A call with both may do what both may.
fn both(key: Identity, bearer: Identity) -> Identity {
    match (key, bearer) {
        (Identity::Known(key), Identity::Known(bearer)) => Identity::Known(Known {
            and: (!key.scopes.has(Scope::HytaleAll)).then(|| key.principal.clone()),
            client: Some(key.principal),
            scopes: key.scopes.and(bearer.scopes),
            principal: bearer.principal,
        }),
        (Identity::Refused(refused), _) | (_, Identity::Refused(refused)) => {
            Identity::Refused(refused)
        }
        (Identity::Unchecked(error), _) | (_, Identity::Unchecked(error)) => {
            Identity::Unchecked(error)
        }
        (Identity::Nobody, other) | (other, Identity::Nobody) => other,
    }
}

fn key_at_hand(state: &State, given: &HeaderValue) -> Option<Identity> {
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
        let scopes = Scopes::all().without(Scope::Admin);
        return Some(known(Principal::Service, scopes));
    }
    state.keys.known(&hash?).map(of_client)
}

async fn of_key(state: &State, given: &HeaderValue) -> Identity {
    if let Some(identity) = key_at_hand(state, given) {
        return identity;
    }
    let Some(hash) = given.to_str().ok().and_then(api_key::hash) else {
        return Identity::Refused(Refused::Key);
    };
    match state.keys.of(hash).await {
        Ok(Ok(key)) => of_client(key.value),
        Ok(Err(refused)) => Identity::Refused(refused),
        Err(error) => Identity::Unchecked(error),
    }
}

fn of_client(key: ValidApiKey) -> Identity {
    known(Principal::Client(key.client), key.scopes)
}

fn bearer_at_hand(state: &State, given: &HeaderValue) -> Option<Identity> {
    let token = given.to_str().ok().and_then(token)?;
    state.bearers.known(token).map(of_user)
}

async fn of_bearer(state: &State, given: &HeaderValue) -> Identity {
    let Some(token) = given.to_str().ok().and_then(token) else {
        return Identity::Refused(Refused::Token);
    };
    match state.bearers.of(token).await {
        Ok(Ok(bearer)) => of_user(bearer.value),
        Ok(Err(refused)) => Identity::Refused(refused),
        Err(error) => Identity::Unchecked(error),
    }
}

fn of_user(bearer: Bearer) -> Identity {
    known(Principal::User(bearer.user), bearer.scopes)
}

fn known(principal: Principal, scopes: Scopes) -> Identity {
    Identity::Known(Known {
        principal,
        and: None,
        client: None,
        scopes,
    })
}

/// The token of `Authorization`; schemes are written in any case.
fn token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_at_checked(BEARER.len())?;
    scheme
        .eq_ignore_ascii_case(BEARER)
        .then(|| token.trim_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn user(scopes: Scopes) -> Identity {
        known(Principal::User("anna".to_owned()), scopes)
    }

    #[test]
    fn a_call_with_key_and_token_may_do_what_both_may() {
        let client = Principal::Client(Uuid::nil());
        let key = Scopes::NONE.with(Scope::Hytale).with(Scope::Sync);
        let bearer = Scopes::NONE.with(Scope::Hytale).with(Scope::Admin);
        let Identity::Known(both) = both(known(client.clone(), key), user(bearer)) else {
            panic!("refused");
        };
        assert_eq!(both.principal, Principal::User("anna".to_owned()));
        assert_eq!(both.scopes, Scopes::NONE.with(Scope::Hytale));
        assert_eq!(both.and, Some(client));
    }

    #[test]
    fn a_key_for_all_accounts_leaves_the_users_own() {
        let service = known(Principal::Service, Scopes::all());
        let Identity::Known(both) = both(service, user(Scopes::NONE.with(Scope::Hytale))) else {
            panic!("refused");
        };
        assert_eq!(both.and, None);
        assert!(!both.scopes.has(Scope::HytaleAll));
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
        assert_eq!(token("Bearer abc"), Some("abc"));
        assert_eq!(token("BEARER  abc "), Some("abc"));
        for other in ["abc", "Bearer", "Basic abc", "Bearerabc", "", "é"] {
            assert_eq!(token(other), None, "{other}");
        }
    }
}

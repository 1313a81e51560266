//! The vendor's client: one method for each thing that it can be asked.
//!
//! From the outside in: [`Vendor`] asks; `wire` sends one request and repeats it where
//! that is safe; `answer` tells what an HTTP answer means; `decode` reads its JSON;
//! `said` makes the vendor's words fit for a log.
//!
//! Nothing here decides what to do about a failure: [`VendorError`] tells apart what
//! the caller needs to tell apart, above all [`NotSent`](VendorError::NotSent) (nothing
//! was spent) from [`Lost`](VendorError::Lost) (perhaps it was).

mod answer;
mod decode;
mod error;
mod model;
mod operation;
mod said;
mod wire;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use upstream::RetryPolicy;
use uuid::Uuid;

use crate::hosts::Hosts;
use operation::Operation;
use wire::{Body, Call, Wire};

pub use error::{GrantHint, Lost, NotSent, Refusal, VendorError};
pub use model::{DeviceCode, Issuer, Jwk, Poll, Profile, Profiles, SessionTokens, TokenSet};
pub use operation::Host;
pub use said::Said;

/// The OAuth client of game sessions: public, so without a secret.
pub const CLIENT_ID: &str = "hytale-server";
/// What is asked for. `offline`, not `offline_access`.
pub const SCOPES: &str = "openid offline auth:server";

/// How the vendor is asked.
#[derive(Debug, Clone)]
pub struct VendorSettings {
    /// Where it is.
    pub hosts: Hosts,
    /// Time for one answer, body included; the game itself allows 30 s.
    pub request_timeout: Duration,
    /// How what is safe to repeat is repeated.
    pub retry: RetryPolicy,
}

/// The settings cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A base address to which no path can be appended.
    #[error("the address for {name} is wrong: {why}")]
    Address {
        /// Which one.
        name: &'static str,
        /// Why.
        why: &'static str,
    },
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made")]
    Client(#[source] reqwest::Error),
}

/// The vendor. Clones share connections and breakers.
#[derive(Clone)]
pub struct Vendor(Arc<Wire>);

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vendor").finish_non_exhaustive()
    }
}

impl Vendor {
    /// Prepares a client; nothing is sent.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] for an address that cannot work or when the HTTP client
    /// cannot be made.
    pub fn new(settings: VendorSettings) -> Result<Self, SettingsError> {
        Wire::new(settings).map(|wire| Self(Arc::new(wire)))
    }

    /// Whether it is worth asking a host now. What is committed before a request
    /// leaves need not be, if it would not leave.
    ///
    /// # Errors
    ///
    /// [`VendorError::NotSent`] while its breaker is open.
    pub fn ready(&self, host: Host) -> Result<(), VendorError> {
        self.0.ready(host)
    }

    /// Begins a device flow.
    ///
    /// # Errors
    ///
    /// [`VendorError`]; what is transient was tried again.
    pub async fn device_code(&self) -> Result<DeviceCode, VendorError> {
        let form = [("client_id", CLIENT_ID), ("scope", SCOPES)];
        let call = post(Operation::DeviceCode, Body::Form(&form));
        self.0
            .ask(&call, |reply| reply.read(decode::device_code))
            .await
    }

    /// Asks once how a device flow is doing. Never repeated here: the
    /// caller keeps the interval and the deadline.
    ///
    /// # Errors
    ///
    /// [`VendorError`]. Whatever [`is_transient`](VendorError::is_transient) means
    /// polling on, more slowly; a refusal ends the flow. After
    /// [`Lost`](VendorError::Lost) the code may be used up.
    pub async fn poll(&self, device_code: &SecretString) -> Result<Poll, VendorError> {
        let form = [
            ("client_id", CLIENT_ID),
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device_code.expose_secret()),
        ];
        let call = post(Operation::Poll, Body::Form(&form));
        self.0
            .once(&call, |reply| match reply.oauth_error().as_deref() {
                Some("authorization_pending") => Ok(Poll::Pending),
                Some("slow_down") => Ok(Poll::SlowDown),
                _ => reply.read(decode::token_set).map(Poll::Tokens),
            })
            .await
    }

    /// Spends a refresh token: exactly one request leaves, or none.
    ///
    /// # Errors
    ///
    /// [`NotSent`](VendorError::NotSent), [`Busy`](VendorError::Busy) and
    /// [`Refusal::ConcurrentUse`]: the token was not spent by this request.
    /// [`Lost`](VendorError::Lost): it may be. [`Refusal::InvalidGrant`]: it is dead.
    /// Other refusals say nothing of the token.
    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<TokenSet, VendorError> {
        let form = [
            ("client_id", CLIENT_ID),
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
        ];
        let call = post(Operation::Refresh, Body::Form(&form));
        self.0
            .once(&call, |reply| reply.read(decode::token_set))
            .await
    }

    /// Revokes a token and its family. The vendor does not document this; its software
    /// offers it (RFC 7009), and answers the same for a token that it does not know.
    ///
    /// # Errors
    ///
    /// [`VendorError`]; what is transient was tried again.
    pub async fn revoke(&self, token: &SecretString) -> Result<(), VendorError> {
        let form = [("client_id", CLIENT_ID), ("token", token.expose_secret())];
        let call = post(Operation::Revoke, Body::Form(&form));
        self.0.ask(&call, |reply| reply.read(|_| Some(()))).await
    }

    /// The account behind an access token, and its profiles.
    ///
    /// # Errors
    ///
    /// [`VendorError`]; what is transient was tried again. A bad token is
    /// [`Refusal::Unauthorized`] or [`Refusal::Forbidden`].
    pub async fn profiles(&self, access_token: &SecretString) -> Result<Profiles, VendorError> {
        let call = Call {
            operation: Operation::Profiles,
            method: Method::GET,
            bearer: Some(access_token),
            body: Body::Empty,
        };
        self.0
            .ask(&call, |reply| {
                reply.read(|body| serde_json::from_slice(body).ok())
            })
            .await
    }

    /// Makes a game session for a profile. Repeated only where the vendor
    /// surely did not make one: no connection, 429 and 503.
    ///
    /// # Errors
    ///
    /// [`VendorError`]. After [`Lost`](VendorError::Lost) a session may exist that
    /// nobody can end; it lapses after an hour. [`Refusal::Forbidden`] is the limit, a
    /// missing entitlement or a bad token; [`Refusal::NotFound`] a bad profile.
    pub async fn session_new(
        &self,
        access_token: &SecretString,
        profile: Uuid,
    ) -> Result<SessionTokens, VendorError> {
        let body = serde_json::json!({ "uuid": profile }).to_string();
        let call = Call {
            bearer: Some(access_token),
            ..post(Operation::SessionNew, Body::Json(body))
        };
        self.session(&call).await
    }

    /// Prolongs a game session by its own token, not the account's. The old pair may
    /// be dead afterwards. Repeated only where the vendor surely did not do it.
    ///
    /// # Errors
    ///
    /// [`VendorError`]. After [`Lost`](VendorError::Lost) the old pair may be dead.
    pub async fn session_refresh(
        &self,
        session_token: &SecretString,
    ) -> Result<SessionTokens, VendorError> {
        let call = Call {
            bearer: Some(session_token),
            ..post(Operation::SessionRefresh, Body::Empty)
        };
        self.session(&call).await
    }

    /// Ends a game session, which no longer counts against the account's limit.
    ///
    /// # Errors
    ///
    /// [`VendorError`]; what is transient was tried again. [`Refusal::NotFound`] and
    /// [`Refusal::Unauthorized`] mean that it had ended before.
    pub async fn session_end(&self, session_token: &SecretString) -> Result<(), VendorError> {
        let call = Call {
            operation: Operation::SessionEnd,
            method: Method::DELETE,
            bearer: Some(session_token),
            body: Body::Empty,
        };
        self.0.ask(&call, |reply| reply.read(|_| Some(()))).await
    }

    /// The keys that an issuer publishes. Those of a shape that we do not
    /// know are left out; at most 64 are read.
    ///
    /// # Errors
    ///
    /// [`VendorError`]; what is transient was tried again.
    pub async fn jwks(&self, issuer: Issuer) -> Result<Vec<Jwk>, VendorError> {
        let call = Call {
            operation: match issuer {
                Issuer::Sessions => Operation::SessionKeys,
                Issuer::OAuth => Operation::OAuthKeys,
            },
            method: Method::GET,
            bearer: None,
            body: Body::Empty,
        };
        self.0.ask(&call, |reply| reply.read(decode::keys)).await
    }

    async fn session(&self, call: &Call<'_>) -> Result<SessionTokens, VendorError> {
        self.0
            .ask(call, |reply| reply.read(decode::session_tokens))
            .await
    }
}

fn post(operation: Operation, body: Body<'_>) -> Call<'_> {
    Call {
        operation,
        method: Method::POST,
        bearer: None,
        body,
    }
}

//! How the vendor is started, and how it behaves where sources disagree or nothing is known.

use std::net::{Ipv4Addr, SocketAddr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{accounts::Account, keys::SignatureFlaw};

/// How the vendor is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address that its answers name, without a slash at the end; the one it listens on unless told.
    pub public_url: Option<String>,
    /// `iss` of the tokens that belong to game sessions.
    pub issuer: String,
    /// `iss` of id tokens.
    pub oauth_issuer: String,
    /// Makes all ids, codes, tokens and keys the same in every run.
    pub seed: Option<u64>,
    /// The instant at which its clock stands still until it is advanced; without, it runs with the real one.
    pub standing_clock: Option<DateTime<Utc>>,
    /// The accounts there are; the first one logs in where none is named.
    pub accounts: Vec<Account>,
    /// How it behaves.
    pub behaviour: Behaviour,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            public_url: None,
            issuer: "https://sessions.hytale.com".to_owned(),
            oauth_issuer: "https://oauth.accounts.hytale.com".to_owned(),
            seed: None,
            standing_clock: None,
            accounts: Account::usual(),
            behaviour: Behaviour::default(),
        }
    }
}

/// What answers look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shapes {
    /// As seen on the live service.
    #[default]
    Live,
    /// As the official guide prints them: 900 s, `ABCD-1234`, `Bearer`, 3600, JWT access tokens, errors without a
    /// description, `expiresAt` without a fraction.
    Guide,
}

/// The body of a refusal by the session service, which nobody has recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyStyle {
    /// `{"error": "..."}`
    #[default]
    Json,
    /// Plain text.
    Text,
    /// Nothing.
    Empty,
}

/// What a refresh token meets that is being spent at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcurrentUse {
    /// 400 `invalid_request`, as a serialization failure gives it; nothing is revoked.
    #[default]
    Refused,
    /// It is seen after the first, as a used token.
    InTurn,
}

/// Device codes that are approved without anybody's help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoApprove {
    /// Polls that are still answered `authorization_pending`.
    pub after_polls: u32,
    /// As which account; the first one unless told.
    #[serde(default)]
    pub account: Option<String>,
}

/// What can be switched while the vendor runs. The defaults are what is known or most likely of the live service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// What answers look like.
    pub shapes: Shapes,
    /// Life of a device code; 600, or 900 in the guide's shapes.
    pub device_seconds: Option<u64>,
    /// Seconds between two polls.
    pub interval: u64,
    /// Whether `verification_uri_complete` is told.
    pub complete_uri: bool,
    /// Device codes are approved by themselves.
    pub auto_approve: Option<AutoApprove>,
    /// Whether polls inside the interval are answered `slow_down`, which lengthens it by 5 s. Hydra never does.
    pub slow_down: bool,
    /// Status of `access_denied`: Hydra's 403, or 400.
    pub access_denied_status: u16,
    /// Whether an expired code that no user touched is `expired_token`. For Hydra it is pending for ever.
    pub untouched_codes_expire: bool,
    /// Life of an access token.
    pub access_token_seconds: u64,
    /// Life of a refresh token: 30 days.
    pub refresh_token_seconds: u64,
    /// Whether a refresh gives a new refresh token and ends the old one. Without, none is in its answer.
    pub rotation: bool,
    /// Whether a refresh ends the family's earlier access tokens, as Hydra's does without a grace period.
    pub refresh_ends_access_tokens: bool,
    /// Seconds in which a spent refresh token may be spent again.
    pub grace_seconds: u64,
    /// Real milliseconds that a refresh takes before it is decided.
    pub refresh_milliseconds: u64,
    /// What another request with the same refresh token meets meanwhile.
    pub concurrent_use: ConcurrentUse,
    /// Whether an `id_token` comes with scope `openid`.
    pub id_token: bool,
    /// What is wrong with the signature of id tokens.
    pub id_token_flaw: Option<SignatureFlaw>,
    /// Whether an id token's `sub` is another uuid than the account's.
    pub foreign_subject: bool,
    /// Whether the OAuth service publishes its keys; else 404.
    pub oauth_keys: bool,
    /// Whether there is a revocation endpoint; else 404.
    pub revocation: bool,
    /// Concurrent sessions of one account; null is without limit.
    pub session_limit: Option<u32>,
    /// Life of a session and its tokens.
    pub session_seconds: u64,
    /// Status of a created session: 200 or 201.
    pub created_status: u16,
    /// Status of a deleted session: 204 or 200.
    pub deleted_status: u16,
    /// Status of a wrong bearer at the session service: 401, or 403.
    pub bad_bearer_status: u16,
    /// Bodies of the session service's refusals.
    pub refusal_body: BodyStyle,
    /// Whether a refresh ends the session token it was asked with.
    pub old_session_token_dies: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            shapes: Shapes::Live,
            device_seconds: None,
            interval: 5,
            complete_uri: true,
            auto_approve: None,
            slow_down: false,
            access_denied_status: 403,
            untouched_codes_expire: false,
            access_token_seconds: 3600,
            refresh_token_seconds: 30 * 24 * 3600,
            rotation: true,
            refresh_ends_access_tokens: true,
            grace_seconds: 0,
            refresh_milliseconds: 0,
            concurrent_use: ConcurrentUse::Refused,
            id_token: true,
            id_token_flaw: None,
            foreign_subject: false,
            oauth_keys: true,
            revocation: true,
            session_limit: Some(100),
            session_seconds: 3600,
            created_status: 200,
            deleted_status: 204,
            bad_bearer_status: 401,
            refusal_body: BodyStyle::Json,
            old_session_token_dies: false,
        }
    }
}

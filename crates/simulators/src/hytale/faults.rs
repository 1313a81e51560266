//! Faults that can be switched on while the vendor runs.
//!
//! A [`Fault`] strikes requests to its endpoint, but for the first few, as often as told. Of several, the one added
//! first that can still strike does.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{keys::SignatureFlaw, routes::Endpoint};

/// What is wrong with a game session's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFlaw {
    /// Both tokens are signed wrongly.
    Signature(SignatureFlaw),
    /// `iss` has a slash at its end.
    WrongIssuer,
    /// `sub` is some other uuid.
    WrongSubject,
    /// `sub` of the identity token alone is some other uuid.
    WrongIdentitySubject,
    /// `sub` of the session token alone is some other uuid.
    WrongSessionSubject,
    /// `sub` is no uuid.
    UnreadableSubject,
    /// `scope` is `hytale:client`.
    WrongScope,
    /// `exp` lies an hour back.
    Expired,
    /// `exp` of the identity token alone lies five minutes ahead.
    IdentityEndsSooner,
    /// `exp` of the session token alone lies five minutes ahead.
    SessionEndsSooner,
    /// There is no `exp`.
    MissingExpiry,
    /// The answer has no `identityToken`.
    MissingIdentityToken,
    /// The answer has no `sessionToken`.
    MissingSessionToken,
    /// The answer has no `expiresAt`.
    MissingExpiresAt,
    /// `expiresAt` is no instant.
    UnreadableExpiresAt,
}

/// What a struck request gets. *Processed* means that it has had its effect: a token is spent, a session made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// This status, not processed.
    Status {
        /// HTTP status, such as 500, 503 or 429.
        status: u16,
        /// Seconds of `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// This status with this JSON, not processed.
    Answer {
        /// HTTP status.
        status: u16,
        /// The body.
        body: Value,
    },
    /// Processed at once, answered after this many real seconds.
    Late {
        /// Seconds of silence.
        seconds: f64,
    },
    /// Processed and answered after this many real seconds, even though its asker may have hung up.
    Slow {
        /// Seconds of silence.
        seconds: f64,
    },
    /// Never answered, not processed.
    Hang,
    /// The connection is closed, not processed.
    Closed,
    /// Processed, and the connection is closed instead of an answer.
    ResponseLost,
    /// Processed, and never answered.
    ResponseHangs,
    /// Processed; the answer's JSON is cut off in the middle, with a fitting `Content-Length`.
    Malformed,
    /// A proxy's HTML page with this status, not processed.
    Html {
        /// HTTP status.
        status: u16,
    },
    /// Processed; the answer is padded with this many blanks, inside its JSON.
    Huge {
        /// Bytes of padding.
        bytes: usize,
    },
    /// 400 `invalid_request` as for two requests with one refresh token at a time, not processed.
    ConcurrentUse,
    /// Processed; a game session's answer is flawed.
    Flawed {
        /// How.
        flaw: TokenFlaw,
    },
}

/// Something that happens to requests; as JSON `{"on": "refresh_token", "times": 1, "effect": "response_lost"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only at this endpoint; at all of them unless told.
    #[serde(default)]
    on: Option<Endpoint>,
    /// Matching requests that pass before.
    #[serde(default)]
    after: usize,
    /// How often it strikes; until cleared unless told.
    #[serde(default)]
    times: Option<usize>,
    /// What struck requests get.
    effect: Effect,
}

impl Fault {
    /// A fault of every request, until cleared.
    pub fn new(effect: Effect) -> Self {
        Self {
            on: None,
            after: 0,
            times: None,
            effect,
        }
    }

    /// Only at this endpoint.
    #[must_use]
    pub fn on(mut self, endpoint: Endpoint) -> Self {
        self.on = Some(endpoint);
        self
    }

    /// Lets the first `count` matching requests pass.
    #[must_use]
    pub fn after(mut self, count: usize) -> Self {
        self.after = count;
        self
    }

    /// Strikes this often at most.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }

    fn strikes(&mut self, endpoint: Endpoint) -> bool {
        if self.times == Some(0) || self.on.is_some_and(|on| on != endpoint) {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        self.times = self.times.map(|left| left - 1);
        true
    }
}

/// All faults in force.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Puts a fault behind those there are.
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Ends all faults.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Decides over a request.
    pub(super) fn strike(&mut self, endpoint: Endpoint) -> Option<Effect> {
        let fault = self.0.iter_mut().find_map(|fault| {
            let strikes = fault.strikes(endpoint);
            strikes.then(|| fault.effect.clone())
        });
        self.0.retain(|fault| fault.times != Some(0));
        fault
    }
}

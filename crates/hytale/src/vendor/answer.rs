//! What an HTTP answer means, by the OAuth error first and the status second.

use serde::Deserialize;
use std::time::Duration;

use super::error::{GrantHint, Lost, Refusal, VendorError};
use super::operation::{Effect, Operation};
use super::said::Said;

/// Whatever asks for a longer pause is not believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// What came back.
pub(super) struct Reply<'a> {
    pub(super) operation: Operation,
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
    /// The secrets of the request, to keep them out of the log.
    pub(super) sent: &'a [&'a str],
}

/// `{"error","error_description"}` (RFC 6749, section 5.2). The description may be
/// absent; Hydra appends its hint to it, older ones send it beside.
#[derive(Debug, Deserialize)]
struct OAuthError {
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_hint: String,
}

impl OAuthError {
    fn says(&self, words: &str) -> bool {
        self.error_description.contains(words) || self.error_hint.contains(words)
    }

    fn refusal(&self) -> Option<Refusal> {
        Some(match self.error.as_str() {
            "access_denied" => Refusal::AccessDenied,
            "expired_token" => Refusal::ExpiredToken,
            "invalid_grant" => Refusal::InvalidGrant { hint: self.hint() },
            "invalid_request" if self.says("multiple concurrent requests") => {
                Refusal::ConcurrentUse
            }
            "invalid_client" => Refusal::InvalidClient,
            "invalid_scope"
            | "unauthorized_client"
            | "invalid_request"
            | "unsupported_grant_type" => Refusal::Configuration,
            _ => return None,
        })
    }

    /// The general sentence says "expired" and "revoked" of every grant; only the
    /// hint after it tells.
    fn hint(&self) -> GrantHint {
        if self.says("already used") || self.says("already been used") {
            GrantHint::AlreadyUsed
        } else if self.says("token expired") || self.says("token has expired") {
            GrantHint::Expired
        } else if self.says("malformed or not valid") {
            GrantHint::Malformed
        } else {
            GrantHint::Unknown
        }
    }
}

impl Reply<'_> {
    /// The OAuth error, where the operation speaks of errors in that way.
    pub(super) fn oauth_error(&self) -> Option<String> {
        self.oauth().map(|error| error.error)
    }

    fn oauth(&self) -> Option<OAuthError> {
        self.operation
            .speaks_oauth()
            .then(|| serde_json::from_slice(&self.body).ok())?
    }

    /// What was asked for, or why it is not there.
    pub(super) fn read<T>(&self, decode: impl Fn(&[u8]) -> Option<T>) -> Result<T, VendorError> {
        if !(200..300).contains(&self.status) {
            return Err(self.failure());
        }
        if let Some(value) = decode(&self.body) {
            return Ok(value);
        }
        // Not serde's words: they quote values.
        match self.oauth().and_then(|error| error.refusal()) {
            Some(refusal) => Err(VendorError::Refused(refusal, self.said())),
            None => Err(VendorError::Lost(Lost::Unreadable {
                status: self.status,
            })),
        }
    }

    fn failure(&self) -> VendorError {
        let oauth = self.oauth();
        if let Some(refusal) = oauth.as_ref().and_then(OAuthError::refusal) {
            return VendorError::Refused(refusal, self.said());
        }
        let says_busy = oauth.is_some_and(|error| error.error == "temporarily_unavailable");
        let said = self.said();
        match self.status {
            429 => self.busy(),
            503 if says_busy
                || self.retry_after.is_some()
                || self.operation.effect() == Effect::Creates =>
            {
                self.busy()
            }
            status @ (408 | 500..=599) => match self.operation.effect() {
                Effect::Harmless => VendorError::Down { status, said },
                Effect::Creates | Effect::Spends => {
                    VendorError::Lost(Lost::Status { status, said })
                }
            },
            400 => VendorError::Refused(Refusal::BadRequest, said),
            401 => VendorError::Refused(Refusal::Unauthorized, said),
            403 => VendorError::Refused(Refusal::Forbidden, said),
            404 => VendorError::Refused(Refusal::NotFound, said),
            status => VendorError::Refused(Refusal::Unexpected { status }, said),
        }
    }

    fn busy(&self) -> VendorError {
        VendorError::Busy {
            retry_after: self.retry_after.map(|pause| pause.min(LONGEST_PAUSE)),
        }
    }

    fn said(&self) -> Said {
        Said::of(&self.body, self.sent)
    }

    /// Whether the host behind the gateway is not there. A 500 is an answer.
    pub(super) fn is_away(&self) -> bool {
        matches!(self.status, 502..=504 | 520..=530)
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;

//! What the trail of administration tells of.

/// What an operator or administrator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdminEvent {
    /// A client of the gateway was made.
    ApiClientCreated,
    /// A client got a key.
    ApiKeyCreated,
    /// A key was revoked.
    ApiKeyRevoked,
    /// A rate limit was set for somebody.
    RateLimitSet,
    /// The usual limit holds for somebody again.
    RateLimitUnset,
}

impl AdminEvent {
    /// The word that is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiClientCreated => "API_CLIENT_CREATED",
            Self::ApiKeyCreated => "API_KEY_CREATED",
            Self::ApiKeyRevoked => "API_KEY_REVOKED",
            Self::RateLimitSet => "RATE_LIMIT_SET",
            Self::RateLimitUnset => "RATE_LIMIT_UNSET",
        }
    }
}

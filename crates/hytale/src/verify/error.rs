//! Why a token was not accepted.

/// A token could not be verified. Holds nothing of the token.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The token is not good, whenever it is shown.
    #[error("the token is not valid: {0}")]
    Invalid(#[from] Invalid),
    /// The issuer's keys could not be had, and none are left from before: nothing is
    /// known of the token.
    #[error("the issuer's keys cannot be had at the moment")]
    KeysUnavailable,
    /// The issuer answers, and publishes no key that we can use.
    #[error("the issuer publishes no keys")]
    KeysNotPublished,
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Invalid {
    /// Longer than any token of the vendor's.
    #[error("it is too long")]
    TooLong,
    /// No compact JWS of JSON with the claims' types.
    #[error("it is malformed")]
    Malformed,
    /// Signed in another way than the issuer signs, or with extensions that must be
    /// understood.
    #[error("its algorithm is not the issuer's")]
    Algorithm,
    /// The issuer publishes no such key.
    #[error("its key is unknown")]
    UnknownKey,
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature,
    /// `iss` is another.
    #[error("another issuer made it")]
    Issuer,
    /// `sub` is absent, no UUID, or another than was expected.
    #[error("its subject is not the expected one")]
    Subject,
    /// `aud` is another, or absent where it must not be.
    #[error("it is meant for somebody else")]
    Audience,
    /// `scope` lacks what is needed.
    #[error("its scope does not suffice")]
    Scope,
    /// `exp` is past.
    #[error("it has expired")]
    Expired,
    /// `nbf` or `iat` lies ahead.
    #[error("it is not valid yet")]
    NotYet,
}

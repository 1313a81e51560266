//! Why custody could not do what was asked.

use crate::vendor::VendorError;
use crate::verify::VerifyError;
use reach::vault::VaultError;
use std::time::Duration;
use store::StoreError;
use uuid::Uuid;

/// One variant for each thing that a caller is to learn.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// PostgreSQL could not be asked.
    #[error("the database cannot be asked")]
    Store(#[source] StoreError),
    /// Tokens can be neither sealed nor opened.
    #[error("tokens cannot be sealed or opened")]
    Vault(#[source] VaultError),
    /// The task that asked the vendor broke off.
    #[error("the work broke off")]
    Broken(#[source] tokio::task::JoinError),
    /// The vendor could not be asked, or its answer is of no use; what it was asked
    /// for may be asked again later.
    #[error("Hytale cannot be asked now")]
    Vendor(#[source] VendorError),
    /// What the vendor gave is not what it must be, or cannot be proved to be.
    #[error("what Hytale gave cannot be believed")]
    Untrusted(#[source] VerifyError),
    /// Nothing is asked of the vendor at present; a request was lost or turned away.
    #[error("Hytale is not asked at present")]
    NotNow {
        /// When it is worth asking again.
        retry_after: Duration,
    },
    /// There is no such account, or it is not the caller's.
    #[error("there is no such account")]
    UnknownAccount,
    /// The account's tokens are dead.
    #[error("the account needs a new login")]
    LoginNeeded,
    /// As many logins without a principal are open as may be.
    #[error("too many logins of strangers are open")]
    TooManyLogins {
        /// When one of them has ended at the latest.
        retry_after: Duration,
    },
    /// No login with this code, or it is not the caller's, or it has ended.
    #[error("there is no such login")]
    UnknownCode,
    /// The login's time is over.
    #[error("the login has expired")]
    LoginExpired,
    /// The person declined the login.
    #[error("the login was declined")]
    LoginDeclined,
    /// The login has failed for another reason, which `reason` names as a word.
    #[error("the login failed: {reason}")]
    LoginFailed {
        /// The reason.
        reason: String,
    },
    /// The login proved an account that the caller may not have.
    #[error("the account belongs to somebody else")]
    NotTheirs,
    /// The caller's name for the account already means another one.
    #[error("the name already means another account")]
    NameTaken,
    /// The account has no such profile, or none at all.
    #[error("the account has no such profile")]
    UnknownProfile,
    /// The account has several profiles and none was named or selected.
    #[error("a profile must be named or selected")]
    ProfileNeeded,
    /// There is no such server.
    #[error("there is no such server")]
    UnknownServer,
    /// The account has no such session.
    #[error("there is no such session")]
    UnknownSession,
    /// Several sessions fit; one must be named.
    #[error("several sessions fit")]
    SeveralSessions(Vec<Uuid>),
    /// The idempotency key came with a request for something else before.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The same was asked for a moment ago and is still under way.
    #[error("the same is under way")]
    UnderWay,
    /// The vendor allows the account no more sessions.
    #[error("the account has as many sessions as Hytale allows")]
    SessionLimit,
    /// The vendor does not let the account do this: no licence or entitlement.
    #[error("Hytale does not allow this to the account")]
    NotAllowed,
}

impl CustodyError {
    /// Whether Hytale may hold a session, or new tokens of one, that nobody has.
    pub(super) fn leaves_a_session(&self) -> bool {
        matches!(
            self,
            Self::Vendor(VendorError::Lost(_)) | Self::Untrusted(_)
        )
    }
}

impl From<StoreError> for CustodyError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<VaultError> for CustodyError {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

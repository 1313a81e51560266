//! Why logins fail, as words that are stored, and what they mean to a caller.

use super::CustodyError;

pub(super) const DECLINED: &str = "declined";
pub(super) const EXPIRED: &str = "expired";
pub(super) const INVALID_CODE: &str = "invalid_code";
pub(super) const NOT_THEIRS: &str = "owned_by_another";
pub(super) const IN_CUSTODY: &str = "already_in_custody";
pub(super) const NAME_TAKEN: &str = "name_taken";
pub(super) const UNTRUSTED: &str = "id_token_invalid";
pub(super) const NO_REFRESH_TOKEN: &str = "no_refresh_token";
pub(super) const NO_ACCOUNT: &str = "no_account";

/// What a stored reason means to a caller.
pub(super) fn why(reason: &str) -> CustodyError {
    match reason {
        DECLINED => CustodyError::LoginDeclined,
        EXPIRED => CustodyError::LoginExpired,
        INVALID_CODE => CustodyError::UnknownCode,
        NOT_THEIRS | IN_CUSTODY => CustodyError::NotTheirs,
        NAME_TAKEN => CustodyError::NameTaken,
        NO_ACCOUNT => CustodyError::NotAllowed,
        other => CustodyError::LoginFailed {
            reason: other.to_owned(),
        },
    }
}

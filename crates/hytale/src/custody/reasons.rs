//! Why logins fail, as words that are stored, and what they mean to a caller.

use super::{Custody, CustodyError};
use common::types::caller::Origin;
use common::types::id::FlowId;
use std::time::Duration;

/// What a login brought is not given up before so long after the end of its code: it
/// is nowhere else.
pub(super) const TOKENS_KEPT: Duration = Duration::from_secs(24 * 3600);

pub(super) const DECLINED: &str = "declined";
pub(super) const EXPIRED: &str = "expired";
pub(super) const INVALID_CODE: &str = "invalid_code";
pub(super) const NOT_THEIRS: &str = "owned_by_another";
pub(super) const IN_CUSTODY: &str = "already_in_custody";
pub(super) const NAME_TAKEN: &str = "name_taken";
pub(super) const UNTRUSTED: &str = "id_token_invalid";
pub(super) const FOREIGN_SUBJECT: &str = "id_token_of_another";
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

impl Custody {
    /// Ends a login for a reason that its poll did not bring: its time is over, or what
    /// it brought is of no use.
    pub(super) async fn fail(
        &self,
        flow: FlowId,
        reason: &str,
        origin: &Origin,
    ) -> Result<(), CustodyError> {
        if reason == EXPIRED {
            self.expire(flow, origin).await?;
        } else {
            self.store()
                .hytale_flow_useless(self.environment(), flow, reason, origin)
                .await?;
        }
        Ok(())
    }

    /// Ends a login whose time is over. `false`: a poll is under way, and may yet bring
    /// tokens, or it has ended.
    pub(super) async fn expire(&self, flow: FlowId, origin: &Origin) -> Result<bool, CustodyError> {
        let given_up = self.now() - TOKENS_KEPT;
        Ok(self
            .store()
            .hytale_flow_expired(self.environment(), flow, EXPIRED, given_up, origin)
            .await?)
    }

    /// Ends a login that the vendor refused to this poll. `false`: another poll has
    /// ended it, or brought tokens, and those outrank a refusal.
    pub(super) async fn refused(
        &self,
        flow: FlowId,
        reason: &str,
        origin: &Origin,
    ) -> Result<bool, CustodyError> {
        Ok(self
            .store()
            .hytale_flow_failed(self.environment(), flow, reason, origin)
            .await?)
    }
}

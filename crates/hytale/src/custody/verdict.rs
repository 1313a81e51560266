//! What an answer to a spent refresh token means (facts of the vendor: a token is
//! good once, a second use kills the whole family; an answer may be lost).

use crate::vendor::{GrantHint, Refusal, VendorError};
use std::time::Duration;

/// Pause after a request that surely did not spend the token.
const AFTER_UNSENT: Duration = Duration::from_secs(2);
/// Pause after a refusal that is about us and not about the token.
const AFTER_CONFIGURATION: Duration = Duration::from_secs(300);
/// Pauses after the first, second, … answer that did not come. The vendor's own game
/// server waits 30 and 60 s.
const AFTER_LOSSES: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(300),
];

/// What to write down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The token is as good as before.
    Unspent {
        /// Nobody tries before.
        retry_after: Duration,
    },
    /// The token may be spent. Trying it once more tells: it works, or it is dead.
    Lost {
        /// Nobody tries before.
        retry_after: Duration,
    },
    /// The token is dead for good.
    Dead {
        /// Why, as a word.
        reason: &'static str,
    },
}

/// Judges a request that brought no tokens; `losses` answers did not come before.
pub(super) fn judge(error: &VendorError, losses: i32) -> Verdict {
    match error {
        VendorError::NotSent(_) | VendorError::Refused(Refusal::ConcurrentUse, _) => {
            Verdict::Unspent {
                retry_after: AFTER_UNSENT,
            }
        }
        VendorError::Busy { retry_after } => Verdict::Unspent {
            retry_after: retry_after.unwrap_or(AFTER_UNSENT),
        },
        VendorError::Lost(_) | VendorError::Down { .. } => Verdict::Lost {
            retry_after: after_loss(losses),
        },
        VendorError::Refused(Refusal::InvalidGrant { hint }, _) => Verdict::Dead {
            reason: match hint {
                GrantHint::AlreadyUsed => "already_used",
                GrantHint::Expired => "expired",
                GrantHint::Malformed => "malformed",
                GrantHint::Unknown => "revoked",
            },
        },
        VendorError::Refused(..) => Verdict::Unspent {
            retry_after: AFTER_CONFIGURATION,
        },
    }
}

fn after_loss(losses: i32) -> Duration {
    let place = usize::try_from(losses).unwrap_or_default();
    AFTER_LOSSES[place.min(AFTER_LOSSES.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::{Lost, NotSent, Said};

    fn refused(refusal: Refusal) -> VendorError {
        VendorError::Refused(refusal, Said::default())
    }

    #[test]
    fn what_was_not_sent_has_spent_nothing() {
        let wait = Duration::from_secs(1);
        let not_sent = VendorError::NotSent(NotSent::BreakerOpen { wait });
        assert!(matches!(judge(&not_sent, 0), Verdict::Unspent { .. }));
        let wait = Duration::from_secs(77);
        let busy = VendorError::Busy {
            retry_after: Some(wait),
        };
        assert_eq!(judge(&busy, 3), Verdict::Unspent { retry_after: wait });
        let concurrent = judge(&refused(Refusal::ConcurrentUse), 0);
        assert!(matches!(concurrent, Verdict::Unspent { .. }));
    }

    #[test]
    fn a_lost_answer_is_no_death_and_is_tried_again_ever_more_rarely() {
        let lost = VendorError::Lost(Lost::Unreadable { status: 200 });
        let pauses: Vec<_> = (0..6).map(|losses| judge(&lost, losses)).collect();
        assert_eq!(
            pauses[0],
            Verdict::Lost {
                retry_after: AFTER_LOSSES[0]
            }
        );
        assert_eq!(
            pauses[5],
            Verdict::Lost {
                retry_after: AFTER_LOSSES[3]
            }
        );
    }

    #[test]
    fn only_the_vendors_word_on_the_token_kills_it() {
        for (hint, reason) in [
            (GrantHint::AlreadyUsed, "already_used"),
            (GrantHint::Expired, "expired"),
            (GrantHint::Malformed, "malformed"),
            (GrantHint::Unknown, "revoked"),
        ] {
            let refusal = refused(Refusal::InvalidGrant { hint });
            assert_eq!(judge(&refusal, 0), Verdict::Dead { reason });
        }
        for refusal in [
            Refusal::InvalidClient,
            Refusal::Configuration,
            Refusal::Unauthorized,
            Refusal::Forbidden,
            Refusal::BadRequest,
        ] {
            let verdict = judge(&refused(refusal), 0);
            assert!(matches!(verdict, Verdict::Unspent { .. }), "{refusal:?}");
        }
    }
}

//! When a refresh token is to be spent, and from how many sessions on an account is
//! near its limit: decided from figures alone.

use chrono::{DateTime, Utc};
use std::time::Duration;
use store::DueRefresh;
use uuid::Uuid;

/// A refresh token is spent in this time before its end, whether somebody needs it or
/// not.
pub const REFRESH_WINDOW: Duration = Duration::from_secs(7 * 24 * 3600);

/// Accounts whose windows begin together are spread over this time.
const SPREAD: u128 = 24 * 3600;

/// Smaller differences come from reckoning with fractions.
const NOTHING: f64 = 1e-9;

/// Whether the account's refresh token is to be spent now. Whether it may be (no pause,
/// no lease) is asked of PostgreSQL.
pub(super) fn is_due(account: &DueRefresh, now: DateTime<Utc>) -> bool {
    account.unsettled
        || account.refresh_expires_at <= now + REFRESH_WINDOW - spread(account.account_id)
}

/// Always the same of one account.
fn spread(account: Uuid) -> Duration {
    let seconds = account.as_u128() % SPREAD;
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// The order in which one of several processes goes through what all of them see: each
/// its own, so that they seldom meet.
pub(super) fn turn(account: Uuid, holder: Uuid) -> u128 {
    // An odd factor mixes the low bits into the high ones and maps no two to one.
    const FACTOR: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    (account.as_u128() ^ holder.as_u128()).wrapping_mul(FACTOR)
}

/// The smallest number of sessions that is this share of the limit; `None`: there is no
/// limit.
pub(super) fn warn_from(limit: u32, share: f64) -> Option<u32> {
    if limit == 0 {
        return None;
    }
    let from = f64::from(limit) * share - NOTHING;
    Some(
        (1..limit)
            .find(|&count| f64::from(count) >= from)
            .unwrap_or(limit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn account(id: u128, left: TimeDelta) -> DueRefresh {
        DueRefresh {
            account_id: Uuid::from_u128(id),
            generation: 1,
            refresh_expires_at: DateTime::UNIX_EPOCH + left,
            unsettled: false,
        }
    }

    #[test]
    fn a_token_is_due_in_the_window_before_its_end_each_account_at_its_own_time() {
        let now = DateTime::UNIX_EPOCH;
        let second = TimeDelta::seconds(1);
        let week = TimeDelta::days(7);
        assert!(is_due(&account(0, week), now));
        assert!(!is_due(&account(0, week + second), now));
        let hours = |count: u128| count * 3600;
        assert!(!is_due(&account(hours(5), week), now));
        assert!(is_due(&account(hours(5), week - TimeDelta::hours(5)), now));
        assert!(is_due(&account(u128::MAX, TimeDelta::days(6)), now));
        assert!(is_due(&account(u128::MAX, TimeDelta::days(-1)), now));
    }

    #[test]
    fn a_token_that_may_be_spent_is_due_whenever_it_ends() {
        let lost = DueRefresh {
            unsettled: true,
            ..account(7, TimeDelta::days(29))
        };
        assert!(is_due(&lost, DateTime::UNIX_EPOCH));
    }

    #[test]
    fn processes_go_through_the_same_accounts_in_different_orders() {
        let order = |holder: u128| {
            let mut all: Vec<u128> = (0..20).collect();
            all.sort_by_key(|id| turn(Uuid::from_u128(*id), Uuid::from_u128(holder)));
            all
        };
        assert_ne!(order(1 << 70), order(1 << 71));
        assert_eq!(order(5), order(5));
    }

    #[test]
    fn the_warning_begins_at_the_share_of_the_limit() {
        assert_eq!(warn_from(100, 0.8), Some(80));
        assert_eq!(warn_from(100, 0.07), Some(7));
        assert_eq!(warn_from(3, 0.5), Some(2));
        assert_eq!(warn_from(5, 0.0), Some(1));
        assert_eq!(warn_from(5, 1.0), Some(5));
        assert_eq!(warn_from(0, 0.8), None);
    }
}

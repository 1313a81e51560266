//! Where a login stands, decided from its row and the time.

use super::login::LoginAnswer;
use super::{Custody, CustodyError};
use chrono::{DateTime, Utc};
use common::types::caller::Origin;
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use store::{FlowRow, StoreError};
use uuid::Uuid;

/// No login lives longer, whatever the vendor says.
pub(super) const LONGEST_LOGIN: Duration = Duration::from_secs(30 * 60);

/// A login is polled for this long, counted from the first poll.
pub(super) const LONGEST_POLLING: Duration = Duration::from_secs(15 * 60);

/// After success the same answer is given again for this long: the first one may
/// have been lost.
pub(super) const REPEATS: Duration = Duration::from_secs(2 * 60);

/// What a poll is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// Ask the vendor.
    Ask,
    /// Too early: the interval has not passed.
    TooEarly {
        /// When the next poll is due.
        retry_after: Duration,
    },
    /// The vendor has given tokens; find out whose and store them.
    Finish,
    /// It has succeeded; answer the same again.
    Repeat,
    /// Its time is over.
    Expired,
    /// It has failed, for this reason.
    Failed(String),
    /// It has succeeded a while ago, or is in a state that nobody knows: gone.
    Gone,
}

pub(super) fn judge(row: &FlowRow, now: DateTime<Utc>) -> Progress {
    match row.state.as_str() {
        "open" if is_over(row, now) => Progress::Expired,
        "open" => match (row.next_poll_at - now).to_std() {
            Ok(wait) if !wait.is_zero() => Progress::TooEarly { retry_after: wait },
            _ => Progress::Ask,
        },
        "exchanged" => Progress::Finish,
        "succeeded" if row.ended_at.is_some_and(|end| now < end + REPEATS) => Progress::Repeat,
        "failed" => Progress::Failed(row.failure.clone().unwrap_or_default()),
        _ => Progress::Gone,
    }
}

fn is_over(row: &FlowRow, now: DateTime<Utc>) -> bool {
    let polled_out = row
        .first_polled_at
        .is_some_and(|first| now >= first + LONGEST_POLLING);
    now >= row.expires_at || polled_out
}

impl Custody {
    /// The login with this code, as it stands.
    pub(super) async fn flow(&self, device_code: &SecretString) -> Result<FlowRow, CustodyError> {
        let found = self
            .store()
            .hytale_flow(self.environment(), &hash(device_code))
            .await;
        match found {
            Err(StoreError::NotFound(_)) => Err(CustodyError::UnknownCode),
            other => Ok(other?),
        }
    }

    /// Ends a claimed poll that brought nothing; the next is due after the login's
    /// interval, or after `pause` if that is longer.
    pub(super) async fn wait(
        &self,
        flow: &FlowRow,
        pause: Duration,
    ) -> Result<LoginAnswer, CustodyError> {
        let retry_after = pause.max(interval(flow));
        let seconds = whole_seconds(retry_after);
        self.store()
            .hytale_flow_wait(flow, flow.interval_seconds, seconds, self.now())
            .await?;
        Ok(LoginAnswer::Pending { retry_after })
    }

    /// Finishes a login for a poll that is claimed: what cannot be finished now is tried
    /// again at the next one.
    pub(super) async fn finish_poll(
        &self,
        flow: &FlowRow,
        origin: &Origin,
    ) -> Result<LoginAnswer, CustodyError> {
        match self.finish(flow, origin).await {
            Ok(LoginAnswer::Pending { .. }) => self.wait(flow, Duration::ZERO).await,
            other => other,
        }
    }
}

/// The answer of a login that has succeeded.
pub(super) fn answer(
    flow: &FlowRow,
    account: Uuid,
    access_token: SecretString,
    now: DateTime<Utc>,
) -> LoginAnswer {
    let left = flow.access_expires_at.map(|end| (end - now).to_std());
    LoginAnswer::Tokens {
        account,
        access_token,
        expires_in: left.and_then(Result::ok).unwrap_or_default(),
        scope: flow.scope.clone().unwrap_or_default(),
    }
}

/// What is kept of a device code.
pub(super) fn hash(device_code: &SecretString) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, device_code.expose_secret().as_bytes()).as_ref());
    hash
}

/// Shortest pause between two polls of it.
pub(super) fn interval(flow: &FlowRow) -> Duration {
    Duration::from_secs(u64::try_from(flow.interval_seconds).unwrap_or_default())
}

pub(super) fn whole_seconds(duration: Duration) -> i32 {
    let up = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(up).unwrap_or(i32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn open() -> FlowRow {
        FlowRow {
            id: Uuid::nil(),
            principal: None,
            account_name: None,
            state: "open".to_owned(),
            interval_seconds: 5,
            next_poll_at: at(0),
            first_polled_at: None,
            expires_at: at(30),
            access_token: None,
            refresh_token: None,
            access_expires_at: None,
            scope: None,
            account_id: None,
            failure: None,
            ended_at: None,
            id_token: None,
            exchanged_at: None,
            polling_until: None,
        }
    }

    #[test]
    fn the_vendor_is_asked_once_an_interval() {
        assert_eq!(judge(&open(), at(0)), Progress::Ask);
        let polled = FlowRow {
            next_poll_at: at(0) + TimeDelta::seconds(5),
            ..open()
        };
        let retry_after = Duration::from_secs(5);
        assert_eq!(judge(&polled, at(0)), Progress::TooEarly { retry_after });
        assert_eq!(judge(&polled, at(1)), Progress::Ask);
    }

    #[test]
    fn a_login_ends_with_its_code_and_after_fifteen_minutes_of_polling() {
        assert_eq!(judge(&open(), at(29)), Progress::Ask);
        assert_eq!(judge(&open(), at(30)), Progress::Expired);
        let polled = FlowRow {
            first_polled_at: Some(at(2)),
            ..open()
        };
        assert_eq!(judge(&polled, at(16)), Progress::Ask);
        assert_eq!(judge(&polled, at(17)), Progress::Expired);
    }

    #[test]
    fn what_was_exchanged_is_finished_even_after_its_time() {
        let exchanged = FlowRow {
            state: "exchanged".to_owned(),
            ..open()
        };
        assert_eq!(judge(&exchanged, at(60)), Progress::Finish);
    }

    #[test]
    fn a_success_is_answered_again_for_two_minutes() {
        let succeeded = FlowRow {
            state: "succeeded".to_owned(),
            ended_at: Some(at(5)),
            ..open()
        };
        assert_eq!(judge(&succeeded, at(6)), Progress::Repeat);
        assert_eq!(judge(&succeeded, at(7)), Progress::Gone);
    }

    #[test]
    fn a_failure_stays_one() {
        let failed = FlowRow {
            state: "failed".to_owned(),
            failure: Some("declined".to_owned()),
            ..open()
        };
        assert_eq!(
            judge(&failed, at(99)),
            Progress::Failed("declined".to_owned())
        );
    }
}

//! Game sessions: which one is meant, and ending it.

use super::sessions::SessionChoice;
use super::{Custody, CustodyError};
use crate::vendor::Refusal;
use chrono::{DateTime, Utc};
use common::types::caller::Origin;
use common::types::hytale::{HytaleAccount, HytaleAuditEvent};
use runtime::error_chain::ErrorChain;
use secrecy::SecretString;
use serde_json::json;
use slog::warn;
use store::{NewAuditLine, SessionEnd, SessionRow, StoreError};

impl Custody {
    /// Ends a session at the vendor and here. Ending one that has ended succeeds.
    ///
    /// # Errors
    /// [`CustodyError::UnknownSession`] for one that never was; [`CustodyError::UnderWay`]
    /// while its pair is renewed; the vendor cannot be asked, and the session stays active.
    pub async fn end_session(
        &self,
        account: HytaleAccount,
        choice: SessionChoice,
        origin: &Origin,
    ) -> Result<(), CustodyError> {
        let row = match self.active_session(account, choice).await {
            Ok(row) => row,
            Err(CustodyError::UnknownSession) => return self.ended_before(account, choice).await,
            Err(error) => return Err(error),
        };
        let (custody, origin) = (self.clone(), origin.clone());
        self.detach(async move { custody.end(row, &origin).await })
            .await
    }

    async fn end(&self, row: SessionRow, origin: &Origin) -> Result<(), CustodyError> {
        // Its pair may be renewed at this moment: what is ended then lives on.
        let claim = self.claim_session(&row).await?;
        let end = match self.end_at_vendor(&row).await {
            Ok(end) => end,
            Err(error) => {
                let event = HytaleAuditEvent::SessionDeleted;
                self.release_session(&row, claim, (event, false), &error, origin)
                    .await;
                return Err(error);
            }
        };
        let ended = self
            .persist("the end of a session", || {
                self.store()
                    .hytale_session_ended(row.session_id(), row.generation, end, origin)
            })
            .await?;
        if ended {
            return Ok(());
        }
        // The claim ran out: somebody else has ended it, or renewed its pair.
        let account = HytaleAccount {
            environment: self.environment(),
            id: row.account_id,
        };
        match self.store().hytale_session(account, row.session_id()).await {
            Ok(now) if now.state == "active" => Err(CustodyError::UnderWay),
            Ok(_) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Leave to renew or end a session, until the time that is answered.
    pub(super) async fn claim_session(
        &self,
        row: &SessionRow,
    ) -> Result<DateTime<Utc>, CustodyError> {
        self.store()
            .hytale_session_claim(row.session_id(), row.generation, self.claim())
            .await?
            .ok_or(CustodyError::UnderWay)
    }

    /// Gives such leave back because what it was for has failed, which the trail tells, and
    /// whether a new pair of the session's got `lost`.
    pub(super) async fn release_session(
        &self,
        row: &SessionRow,
        claim: DateTime<Utc>,
        (event, lost): (HytaleAuditEvent, bool),
        failure: &CustodyError,
        origin: &Origin,
    ) {
        let account = HytaleAccount {
            environment: self.environment(),
            id: row.account_id,
        };
        let line = NewAuditLine {
            profile: Some(row.profile_id),
            session: Some(row.session_id()),
            ..NewAuditLine::of_account(event, account)
        };
        let line =
            line.with(json!({ "outcome": "failed", "reason": failure.to_string(), "lost": lost }));
        let released = self
            .persist("the failure of a session's change", || {
                self.store().hytale_session_release(
                    row.session_id(),
                    row.generation,
                    claim,
                    lost,
                    &line,
                    origin,
                )
            })
            .await;
        if let Err(error) = released {
            warn!(self.log(), "a session stays claimed for a while";
                "session" => row.id.to_string(), "error" => ErrorChain(&error));
        }
    }

    /// Ends at the vendor what it gave and nobody can use, so that it does not count
    /// against the account's limit.
    pub(super) async fn give_back(&self, session_token: &SecretString) {
        if let Err(error) = self.vendor().session_end(session_token).await {
            warn!(self.log(), "a session that cannot be used could not be ended either";
                "error" => ErrorChain(&error));
        }
    }

    /// Ends a session at the vendor. One that it does not know any more has ended.
    pub(super) async fn end_at_vendor(&self, row: &SessionRow) -> Result<SessionEnd, CustodyError> {
        let session = self.open_session(row).await?;
        match self.vendor().session_end(&session.session_token).await {
            Ok(()) => Ok(SessionEnd::Terminated),
            Err(error) => match error.refusal() {
                Some(Refusal::Unauthorized | Refusal::NotFound) => Ok(SessionEnd::Forgotten),
                _ => Err(CustodyError::Vendor(error)),
            },
        }
    }

    /// Without an id nothing is left to end; with one it must have been a session.
    async fn ended_before(
        &self,
        account: HytaleAccount,
        choice: SessionChoice,
    ) -> Result<(), CustodyError> {
        let Some(session) = choice.session else {
            return Ok(());
        };
        match self.store().hytale_session(account, session).await {
            Err(StoreError::NotFound(_)) => Err(CustodyError::UnknownSession),
            other => Ok(other.map(|_ended| ())?),
        }
    }

    /// The one active session that is meant.
    pub(super) async fn active_session(
        &self,
        account: HytaleAccount,
        choice: SessionChoice,
    ) -> Result<SessionRow, CustodyError> {
        let fitting = self
            .store()
            .hytale_sessions_active(account, choice.profile, choice.server, self.now())
            .await?;
        let mut fitting: Vec<SessionRow> = fitting
            .into_iter()
            .filter(|row| choice.session.is_none_or(|id| row.session_id() == id))
            .collect();
        match fitting.len() {
            0 => Err(CustodyError::UnknownSession),
            1 => Ok(fitting.remove(0)),
            _ => Err(CustodyError::SeveralSessions(
                fitting.iter().map(|row| row.id).collect(),
            )),
        }
    }
}

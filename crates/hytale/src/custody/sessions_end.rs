//! Game sessions: which one is meant, and ending it.

use super::sessions::SessionChoice;
use super::{Custody, CustodyError};
use crate::vendor::Refusal;
use common::types::caller::Origin;
use common::types::hytale::HytaleAccount;
use store::{SessionRow, StoreError};

impl Custody {
    /// Ends a session at the vendor and here. Ending one that has ended succeeds.
    ///
    /// # Errors
    /// [`CustodyError::UnknownSession`] for one that never was; the vendor cannot be
    /// asked, and the session stays active.
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
        self.end_at_vendor(&row).await?;
        self.persist("the end of a session", || {
            self.store()
                .hytale_session_ended(row.session_id(), row.generation, false, origin)
        })
        .await?;
        Ok(())
    }

    /// Ends a session at the vendor. One that it does not know any more has ended.
    pub(super) async fn end_at_vendor(&self, row: &SessionRow) -> Result<(), CustodyError> {
        let session = self.open_session(row).await?;
        match self.vendor().session_end(&session.session_token).await {
            Err(error)
                if !matches!(
                    error.refusal(),
                    Some(Refusal::Unauthorized | Refusal::NotFound)
                ) =>
            {
                Err(CustodyError::Vendor(error))
            }
            _ => Ok(()),
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

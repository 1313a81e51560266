//! What somebody wants of a new game session.

use super::accounts::Caller;
use super::sessions::GameSession;
use super::{Custody, CustodyError};
use common::types::caller::Principal;
use common::types::hytale::HytaleAccount;
use store::{SessionRow, StoreError};
use uuid::Uuid;

/// What session is asked for.
#[derive(Debug, Clone, Default)]
pub struct SessionRequest {
    /// For which profile; without it the selected one, or the only one.
    pub profile: Option<Uuid>,
    /// For which of our servers.
    pub server: Option<Uuid>,
    /// Asking again with the same key means the same session.
    pub idempotency_key: Option<String>,
}

/// What a request says of the session that it wants.
pub(super) struct Wish {
    pub(super) profile: Option<Uuid>,
    pub(super) server: Option<Uuid>,
}

impl Wish {
    /// Whether the session may be the answer, if the request repeats an earlier one.
    pub(super) fn is_for(&self, row: &SessionRow) -> bool {
        self.profile.is_none_or(|profile| profile == row.profile_id) && self.server == row.server_id
    }
}

impl Custody {
    /// A server that sessions of the caller may be linked to: a user's own; services know
    /// every server.
    pub(super) async fn known_server(
        &self,
        server: Uuid,
        caller: &Caller,
    ) -> Result<Uuid, CustodyError> {
        let owner = match &caller.principal {
            Principal::User(user) => Some(user.as_str()),
            Principal::Service | Principal::Client(_) => None,
        };
        match self.store().server_id(server, owner).await {
            Err(StoreError::NotFound(_)) => Err(CustodyError::UnknownServer),
            other => Ok(other?),
        }
    }
}
impl Custody {
    /// The session that the caller made with the same idempotency key before, whatever the
    /// vendor does now. `None`: none, or no key.
    ///
    /// # Errors
    /// [`CustodyError::UnderWay`] while it is being made, [`CustodyError::KeyReused`]
    /// where that was another request.
    pub async fn session_made_before(
        &self,
        caller: &Caller,
        account: HytaleAccount,
        request: &SessionRequest,
    ) -> Result<Option<GameSession>, CustodyError> {
        let Some(key) = &request.idempotency_key else {
            return Ok(None);
        };
        let wish = self.wish(caller, request).await?;
        let (principal, now) = (&caller.principal, self.now());
        let before = self
            .store()
            .hytale_session_of_key(account, principal, key, now)
            .await?;
        match before {
            Some(row) => self.repeat(&row, &wish).await.map(Some),
            None => Ok(None),
        }
    }

    /// What is asked for, if the caller may have it.
    pub(super) async fn wish(
        &self,
        caller: &Caller,
        request: &SessionRequest,
    ) -> Result<Wish, CustodyError> {
        let server = match request.server {
            Some(server) => Some(self.known_server(server, caller).await?),
            None => None,
        };
        Ok(Wish {
            profile: request.profile,
            server,
        })
    }

    /// What a session is to whoever asks for it again.
    pub(super) async fn repeat(
        &self,
        row: &SessionRow,
        wish: &Wish,
    ) -> Result<GameSession, CustodyError> {
        if !wish.is_for(row) {
            return Err(CustodyError::KeyReused);
        }
        if row.state == "created" {
            return Err(CustodyError::UnderWay);
        }
        self.open_session(row).await
    }
}

//! What somebody wants of a new game session.

use super::accounts::Caller;
use super::{Custody, CustodyError};
use common::types::caller::Principal;
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

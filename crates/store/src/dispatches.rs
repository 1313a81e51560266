//! Events that callers say, each once however often it is asked for.

use crate::error::StoreError;
use crate::outbox::{self, Outgoing};
use crate::pool::Store;
use common::types::caller::Principal;
use common::types::event::Event;
use common::types::id::MessageId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Binary, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

/// How a caller tells one wish from another.
#[derive(Debug, Clone)]
pub struct DispatchKey {
    /// Who asks; the idempotency key is theirs.
    pub principal: Principal,
    /// The key under which they may ask once more.
    pub idempotency_key: String,
    /// SHA-256 of what they ask for.
    pub digest: [u8; 32],
}

/// What became of an event to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It is said.
    New,
    /// It was said before, under this id.
    Repeated(MessageId),
    /// Another one was asked for with the same key; nothing is said.
    KeyReused,
}

#[derive(QueryableByName)]
struct Noted {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Bool)]
    is_same: bool,
}

impl Store {
    /// Says an event that stands for itself, unless it was said with its key before; one that
    /// is under way is waited for.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is said then.
    pub async fn event_say_once(
        &self,
        event: Event,
        key: &DispatchKey,
    ) -> Result<Said, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let noted: Noted = sql_query(NOTE)
                .bind::<Text, _>(key.principal.to_string())
                .bind::<Text, _>(&key.idempotency_key)
                .bind::<SqlUuid, _>(event.id.0)
                .bind::<Binary, _>(key.digest.as_slice())
                .get_result(conn)
                .await?;
            if noted.event_id == event.id.0 {
                outbox::say(conn, vec![Outgoing::event(event)]).await?;
                return Ok(Said::New);
            }
            Ok(if noted.is_same {
                Said::Repeated(MessageId(noted.event_id))
            } else {
                Said::KeyReused
            })
        })
        .await
    }
}

/// The update changes nothing: it makes the row that is there already answer.
const NOTE: &str = "
INSERT INTO dispatches AS earlier (principal, idempotency_key, event_id, digest)
VALUES ($1, $2, $3, $4)
ON CONFLICT (principal, idempotency_key) DO UPDATE SET event_id = earlier.event_id
RETURNING event_id, digest = $4 AS is_same";

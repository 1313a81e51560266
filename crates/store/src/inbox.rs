//! Messages already handled: what makes a repeated delivery harmless.

use crate::error::StoreError;
use crate::pool::Store;
use common::types::id::MessageId;
use diesel::sql_query;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

/// Whether a message is new to a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// Seen for the first time; it is recorded now.
    New,
    /// Handled before.
    Repeated,
}

impl Store {
    /// Records that a consumer has handled a message. A consumer whose effect is
    /// not itself idempotent must write in the same transaction; the ones so far
    /// only wake workers, and are.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn inbox_record(
        &self,
        consumer: &str,
        message: MessageId,
    ) -> Result<Receipt, StoreError> {
        let mut conn = self.conn().await?;
        let rows = sql_query(
            "INSERT INTO inbox (consumer, message_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind::<Text, _>(consumer)
        .bind::<SqlUuid, _>(message.0)
        .execute(&mut conn)
        .await?;
        Ok(if rows == 1 {
            Receipt::New
        } else {
            Receipt::Repeated
        })
    }
}

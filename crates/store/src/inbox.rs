//! Messages already handled: what makes a repeated delivery harmless.

use crate::error::StoreError;
use crate::pool::Connection;
use common::types::id::MessageId;
use diesel::sql_query;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

/// A message as a consumer knows it. Whatever handles messages takes one along, so
/// that it is recorded in the transaction of the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxEntry {
    /// Who handles the message; never changed, since messages are known by it.
    pub consumer: &'static str,
    /// The message.
    pub message: MessageId,
}

/// Whether a message is new to a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// Handled for the first time; its record stands with the effect.
    New,
    /// Handled before: nothing was done.
    Repeated,
}

/// Records in the caller's transaction that a message is handled by it.
pub(crate) async fn record(
    conn: &mut Connection,
    entry: InboxEntry,
) -> Result<Receipt, StoreError> {
    let rows = sql_query(
        "INSERT INTO inbox (consumer, message_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind::<Text, _>(entry.consumer)
    .bind::<SqlUuid, _>(entry.message.0)
    .execute(conn)
    .await?;
    Ok(if rows == 1 {
        Receipt::New
    } else {
        Receipt::Repeated
    })
}

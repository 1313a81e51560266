//! The trail of administration: appended in the transaction of the change that it
//! records.

use crate::error::StoreError;
use crate::pool::{Connection, Store};
use common::types::admin::AdminEvent;
use common::types::caller::{Actor, Principal};
use diesel::sql_query;
use diesel::sql_types::{Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A line to append. `details` holds no secret.
#[derive(Debug, Clone)]
pub(crate) struct NewAdminLine {
    /// What was done.
    pub(crate) event: AdminEvent,
    /// Whom it is about.
    pub(crate) subject: Option<Principal>,
    /// More, for people and filters.
    pub(crate) details: Value,
}

/// How long a change waits for rows that another transaction holds: a transaction that
/// somebody has left open must not keep a leaked credential good without a word.
const LOCK_WAIT: Duration = Duration::from_secs(3);

/// Makes a change of administration in a transaction, in which its line is to be appended.
///
/// # Errors
/// [`StoreError::Held`] where rows cannot be had, and those of `work`; nothing is changed.
pub(crate) async fn change<T: Send>(
    store: &Store,
    work: impl for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    let mut conn = store.conn().await?;
    let began = Instant::now();
    let changed = conn
        .transaction(async move |conn| {
            let wait = LOCK_WAIT.as_millis();
            conn.batch_execute(&format!("SET LOCAL lock_timeout = {wait}"))
                .await?;
            work(conn).await
        })
        .await;
    changed.map_err(|error: StoreError| {
        // diesel keeps no code of it, and PostgreSQL's words are in any language.
        if error.is_unexplained() && began.elapsed() >= LOCK_WAIT {
            StoreError::Held(Box::new(error))
        } else {
            error
        }
    })
}

/// Appends a line in the caller's transaction.
pub(crate) async fn append(
    conn: &mut Connection,
    line: &NewAdminLine,
    actor: &Actor,
) -> Result<(), StoreError> {
    let origin = actor.origin();
    sql_query(
        "INSERT INTO admin_audit (id, event_type, actor, subject, ip, user_agent, request_id, details) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Text, _>(line.event.as_str())
    .bind::<Text, _>(actor.name())
    .bind::<Nullable<Text>, _>(line.subject.as_ref().map(ToString::to_string))
    .bind::<Nullable<Text>, _>(origin.and_then(|it| it.ip).map(|ip| ip.to_string()))
    .bind::<Nullable<Text>, _>(origin.and_then(|it| it.user_agent.as_deref()))
    .bind::<Nullable<Text>, _>(origin.and_then(|it| it.request_id.as_deref()))
    .bind::<Jsonb, _>(&line.details)
    .execute(conn)
    .await?;
    Ok(())
}

//! The trail of administration: appended in the transaction of the change that it
//! records.

use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::admin::AdminEvent;
use common::types::caller::{Actor, Principal};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
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

/// A line of the trail.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct AdminLineRow {
    /// Unique.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// When it happened.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// What was done.
    #[diesel(sql_type = Text)]
    pub event_type: String,
    /// Who did it.
    #[diesel(sql_type = Text)]
    pub actor: String,
    /// The user's name, where a user did it that is still there.
    #[diesel(sql_type = Nullable<Text>)]
    pub actor_name: Option<String>,
    /// Whom it is about.
    #[diesel(sql_type = Nullable<Text>)]
    pub subject: Option<String>,
    /// From where.
    #[diesel(sql_type = Nullable<Text>)]
    pub ip: Option<String>,
    /// With what.
    #[diesel(sql_type = Nullable<Text>)]
    pub user_agent: Option<String>,
    /// In which request.
    #[diesel(sql_type = Nullable<Text>)]
    pub request_id: Option<String>,
    /// More; no secrets.
    #[diesel(sql_type = Jsonb)]
    pub details: Value,
}

/// Which lines are wanted; newest first.
#[derive(Debug, Clone, Default)]
pub struct AdminAuditFilter {
    /// Only of this type.
    pub event: Option<AdminEvent>,
    /// Only what this actor did.
    pub actor: Option<String>,
    /// Only what is about this principal.
    pub subject: Option<String>,
    /// Only from this moment on.
    pub since: Option<DateTime<Utc>>,
    /// Only before this moment.
    pub until: Option<DateTime<Utc>>,
    /// Only older than this line (its time and id): the next page.
    pub before: Option<(DateTime<Utc>, Uuid)>,
    /// At most this many.
    pub limit: i64,
}

impl Store {
    /// Lines of the trail, newest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn admin_audit(
        &self,
        filter: &AdminAuditFilter,
    ) -> Result<Vec<AdminLineRow>, StoreError> {
        let (before, before_id) = filter.before.unzip();
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "WITH page AS ( \
               SELECT id, created_at, event_type, actor, subject, ip, user_agent, request_id, details \
               FROM admin_audit \
               WHERE ($1::text IS NULL OR event_type = $1) AND ($2::text IS NULL OR actor = $2) \
                 AND ($3::text IS NULL OR subject = $3) \
                 AND ($4::timestamptz IS NULL OR created_at >= $4) \
                 AND ($5::timestamptz IS NULL OR created_at < $5) \
                 AND ($6::timestamptz IS NULL OR (created_at, id) < ($6, $7)) \
               ORDER BY created_at DESC, id DESC LIMIT $8) \
             SELECT page.*, COALESCE(u.username, u.email, c.name) AS actor_name FROM page \
               LEFT JOIN users u ON page.actor = 'user:' || u.id \
               LEFT JOIN api_clients c ON page.actor = 'client:' || c.id::text \
             ORDER BY created_at DESC, id DESC",
        )
        .bind::<Nullable<Text>, _>(filter.event.map(AdminEvent::as_str))
        .bind::<Nullable<Text>, _>(filter.actor.as_deref())
        .bind::<Nullable<Text>, _>(filter.subject.as_deref())
        .bind::<Nullable<Timestamptz>, _>(filter.since)
        .bind::<Nullable<Timestamptz>, _>(filter.until)
        .bind::<Nullable<Timestamptz>, _>(before)
        .bind::<Nullable<SqlUuid>, _>(before_id)
        .bind::<BigInt, _>(filter.limit)
        .load(&mut conn)
        .await?)
    }
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

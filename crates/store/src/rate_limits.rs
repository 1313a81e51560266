//! Rate limits that differ from the configured ones for one subject.

use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::admin::AdminEvent;
use common::types::caller::{Actor, Principal};
use common::types::limit::{Limit, Subject};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::json;
use uuid::Uuid;

/// The most rows that are read: far more than anybody sets by hand.
const MOST: i64 = 100_000;

/// A limit that is set for somebody.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct RateLimitRow {
    /// The limit's name.
    #[diesel(sql_type = Text)]
    pub limit_name: String,
    /// Whose it is: a principal, the id of a Hytale account, or a network.
    #[diesel(sql_type = Text)]
    pub subject: String,
    /// Name of the client, where it is a client's.
    #[diesel(sql_type = Nullable<Text>)]
    pub client: Option<String>,
    /// Requests in the limit's usual time; at least 1.
    #[diesel(sql_type = BigInt)]
    pub requests: i64,
    /// When it was set last.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
}

const SELECT: &str = "SELECT l.limit_name, l.subject, c.name AS client, l.requests, l.updated_at \
    FROM rate_limits l LEFT JOIN api_clients c ON l.subject = 'client:' || c.id";

#[derive(QueryableByName)]
struct ClientId {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

impl Store {
    /// All of them, by limit and subject.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn rate_limits(&self) -> Result<Vec<RateLimitRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "{SELECT} ORDER BY l.limit_name, l.subject LIMIT $1"
        ))
        .bind::<BigInt, _>(MOST)
        .load(&mut conn)
        .await?)
    }

    /// Sets a limit for a subject, and says so in the trail.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn rate_limit_set(
        &self,
        limit: Limit,
        subject: &Subject,
        requests: u32,
        actor: &Actor,
    ) -> Result<RateLimitRow, StoreError> {
        let (subject, actor) = (subject.clone(), actor.clone());
        admin_audit::change(self, |conn| {
            async move {
                let before = one(conn, limit, &subject).await?;
                sql_query(
                    "INSERT INTO rate_limits (limit_name, subject, requests) VALUES ($1, $2, $3) \
                 ON CONFLICT (limit_name, subject) \
                 DO UPDATE SET requests = excluded.requests, updated_at = now()",
                )
                .bind::<Text, _>(limit.name())
                .bind::<Text, _>(subject.to_string())
                .bind::<BigInt, _>(i64::from(requests))
                .execute(conn)
                .await?;
                let line = line(
                    AdminEvent::RateLimitSet,
                    limit,
                    &subject,
                    before,
                    Some(requests),
                );
                admin_audit::append(conn, &line, &actor).await?;
                let row = one(conn, limit, &subject).await?;
                row.ok_or(StoreError::NotFound("rate limit"))
            }
            .boxed()
        })
        .await
    }

    /// Lets the usual limit hold for a subject again, and says so in the trail.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none is set, or when PostgreSQL cannot be asked.
    pub async fn rate_limit_unset(
        &self,
        limit: Limit,
        subject: &Subject,
        actor: &Actor,
    ) -> Result<RateLimitRow, StoreError> {
        let (subject, actor) = (subject.clone(), actor.clone());
        admin_audit::change(self, |conn| {
            async move {
                let row = one(conn, limit, &subject).await?;
                let row = row.ok_or(StoreError::NotFound("rate limit"))?;
                sql_query("DELETE FROM rate_limits WHERE limit_name = $1 AND subject = $2")
                    .bind::<Text, _>(limit.name())
                    .bind::<Text, _>(subject.to_string())
                    .execute(conn)
                    .await?;
                let before = Some(row.clone());
                let line = line(AdminEvent::RateLimitUnset, limit, &subject, before, None);
                admin_audit::append(conn, &line, &actor).await?;
                Ok(row)
            }
            .boxed()
        })
        .await
    }

    /// The client of this name or id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn api_client(&self, name_or_id: &str) -> Result<Uuid, StoreError> {
        let mut conn = self.conn().await?;
        // Nobody's name is taken for another's id.
        let rows: Vec<ClientId> = sql_query(
            "SELECT id FROM api_clients WHERE id::text = lower($1) OR name = $1 \
             ORDER BY (id::text = lower($1)) DESC LIMIT 1",
        )
        .bind::<Text, _>(name_or_id)
        .load(&mut conn)
        .await?;
        let client = rows.into_iter().next();
        client
            .map(|client| client.id)
            .ok_or(StoreError::NotFound("client"))
    }
}

/// The row, locked.
async fn one(
    conn: &mut Connection,
    limit: Limit,
    subject: &Subject,
) -> Result<Option<RateLimitRow>, StoreError> {
    let rows: Vec<RateLimitRow> = sql_query(format!(
        "{SELECT} WHERE l.limit_name = $1 AND l.subject = $2 FOR UPDATE OF l"
    ))
    .bind::<Text, _>(limit.name())
    .bind::<Text, _>(subject.to_string())
    .load(conn)
    .await?;
    Ok(rows.into_iter().next())
}

fn line(
    event: AdminEvent,
    limit: Limit,
    subject: &Subject,
    before: Option<RateLimitRow>,
    requests: Option<u32>,
) -> NewAdminLine {
    let principal: Option<Principal> = match subject {
        Subject::Principal(principal) => Some(principal.clone()),
        Subject::Account(_) | Subject::Address(_) => None,
    };
    NewAdminLine {
        event,
        subject: principal,
        details: json!({
            "limit": limit.name(),
            "subject": subject.to_string(),
            "before": before.map(|row| row.requests),
            "requests": requests,
        }),
    }
}

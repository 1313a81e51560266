//! How many sessions of an account count against Hytale's limit, and telling once
//! that it comes near.

use crate::error::StoreError;
use crate::outbox::{self, Outgoing};
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::event::{Event, EventType};
use common::types::hytale::{HytaleAccount, HytaleEnvironment};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Double, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// A session whose answer was lost counts for as long as Hytale may hold it: its
/// sessions live an hour.
pub const LOST_SESSIONS_COUNT: Duration = Duration::from_secs(3600);

/// Sessions of one account that count against Hytale's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct SessionCount {
    /// Hytale's id of the account.
    #[diesel(sql_type = SqlUuid)]
    pub account_id: Uuid,
    /// Active ones.
    #[diesel(sql_type = BigInt)]
    pub active: i64,
    /// Those that Hytale may hold though no answer came.
    #[diesel(sql_type = BigInt)]
    pub lost: i64,
}

/// What is near the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimit {
    /// What Hytale allows an account.
    pub limit: u32,
    /// From this many on the account is near it.
    pub warn_from: u32,
}

#[derive(QueryableByName)]
struct Crossing {
    #[diesel(embed)]
    count: SessionCount,
    #[diesel(sql_type = Bool)]
    near: bool,
}

/// What a session is that counts. One of which no answer has come within a minute counts
/// as lost, though its process may still be at it.
pub(super) const COUNTS: &str = "environment = $1 AND ((state = 'active' AND expires_at > $2) \
      OR (lost AND ended_at > now() - make_interval(secs => $3)) \
      OR (state = 'created' AND created_at < now() - interval '1 minute'))";

/// What is counted, account by account.
pub(super) const COLUMNS: &str = "account_id, \
    count(*) FILTER (WHERE state = 'active') AS active, count(*) FILTER (WHERE state <> 'active') AS lost";

fn counted() -> String {
    format!("SELECT {COLUMNS} FROM hytale_sessions WHERE {COUNTS} GROUP BY account_id")
}

impl Store {
    /// The accounts that have sessions, in the order of their ids.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_session_counts(
        &self,
        environment: HytaleEnvironment,
        now: DateTime<Utc>,
    ) -> Result<Vec<SessionCount>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!("{} ORDER BY account_id", counted()))
            .bind::<Text, _>(environment.as_str())
            .bind::<Timestamptz, _>(now)
            .bind::<Double, _>(LOST_SESSIONS_COUNT.as_secs_f64())
            .load(&mut conn)
            .await?)
    }

    /// Notes which accounts have come near the limit or gone from it, and tells of the
    /// former, once. Answers those.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_sessions_near_limit(
        &self,
        environment: HytaleEnvironment,
        now: DateTime<Utc>,
        limit: SessionLimit,
    ) -> Result<Vec<SessionCount>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            // The flag is compared under the row's lock: of many replicas one tells.
            let crossed: Vec<Crossing> = sql_query(format!(
                "UPDATE hytale_accounts a SET near_session_limit = NOT a.near_session_limit \
                 FROM (SELECT b.account_id, coalesce(c.active, 0) AS active, coalesce(c.lost, 0) AS lost, \
                     coalesce(c.active + c.lost, 0) >= $4 AS near \
                   FROM hytale_accounts b LEFT JOIN ({}) c ON c.account_id = b.account_id \
                   WHERE b.environment = $1 AND (c.account_id IS NOT NULL OR b.near_session_limit)) counted \
                 WHERE a.environment = $1 AND a.account_id = counted.account_id \
                   AND a.near_session_limit <> counted.near \
                 RETURNING a.account_id, counted.active, counted.lost, counted.near",
                counted()
            ))
            .bind::<Text, _>(environment.as_str())
            .bind::<Timestamptz, _>(now)
            .bind::<Double, _>(LOST_SESSIONS_COUNT.as_secs_f64())
            .bind::<BigInt, _>(i64::from(limit.warn_from))
            .load(conn)
            .await?;
            let near: Vec<SessionCount> = crossed
                .into_iter()
                .filter_map(|it| it.near.then_some(it.count))
                .collect();
            let events = near.iter().map(|it| warning(environment, it, limit, now));
            outbox::say(conn, events.collect()).await?;
            Ok(near)
        })
        .await
    }
}

fn warning(
    environment: HytaleEnvironment,
    count: &SessionCount,
    limit: SessionLimit,
    now: DateTime<Utc>,
) -> Outgoing {
    let account = HytaleAccount {
        environment,
        id: count.account_id,
    };
    Outgoing::event(Event::new(
        EventType::HytaleSessionsNearLimit,
        account.to_string(),
        now,
        json!({
            "environment": environment,
            "account_id": count.account_id,
            "active": count.active,
            "lost": count.lost,
            "limit": limit.limit,
        }),
    ))
}

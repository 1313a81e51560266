//! Device logins that begin, and how many of strangers may be open at once.

use super::flows::NewFlow;
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::hytale::HytaleEnvironment;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};

/// Whether one more login without a principal may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It may.
    Left,
    /// As many are open as may be.
    Full {
        /// When the first of them ends at the latest.
        until: DateTime<Utc>,
    },
}

#[derive(QueryableByName)]
struct Open {
    #[diesel(sql_type = BigInt)]
    logins: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    first_end: Option<DateTime<Utc>>,
}

impl Store {
    /// Whether a login without a principal may begin while at most so many are open. What
    /// holds is said by [`hytale_flow_begin`](Self::hytale_flow_begin).
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flow_room(
        &self,
        environment: HytaleEnvironment,
        now: DateTime<Utc>,
        most: u32,
    ) -> Result<Room, StoreError> {
        room(&mut *self.conn().await?, environment, now, most).await
    }

    /// Stores a login that has begun. One without a principal is stored only while fewer
    /// than `most` of those are open; those with a principal are not counted.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flow_begin(&self, flow: &NewFlow, most: u32) -> Result<Room, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            if flow.principal.is_none() {
                take_turns(conn, flow.environment).await?;
                let room = room(conn, flow.environment, flow.begun_at, most).await?;
                if room != Room::Left {
                    return Ok(room);
                }
            }
            insert(conn, flow).await?;
            Ok(Room::Left)
        })
        .await
    }
}

/// Strangers' logins begin one after the other: two that count at once would both find
/// the last place.
async fn take_turns(
    conn: &mut Connection,
    environment: HytaleEnvironment,
) -> Result<(), StoreError> {
    sql_query("SELECT pg_advisory_xact_lock(hashtextextended('hytale_strangers_' || $1, 0))")
        .bind::<Text, _>(environment.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

async fn room(
    conn: &mut Connection,
    environment: HytaleEnvironment,
    now: DateTime<Utc>,
    most: u32,
) -> Result<Room, StoreError> {
    let open: Open = sql_query(
        "SELECT count(*) AS logins, min(expires_at) AS first_end FROM hytale_device_flows \
         WHERE environment = $1 AND principal IS NULL AND state IN ('open', 'exchanged') \
           AND expires_at > $2",
    )
    .bind::<Text, _>(environment.as_str())
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await?;
    Ok(match open.first_end {
        Some(until) if open.logins >= i64::from(most) => Room::Full { until },
        _ => Room::Left,
    })
}

async fn insert(conn: &mut Connection, flow: &NewFlow) -> Result<(), StoreError> {
    sql_query(
        "INSERT INTO hytale_device_flows (id, environment, code_hash, principal, account_name, state, \
           interval_seconds, next_poll_at, expires_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $7)",
    )
    .bind::<SqlUuid, _>(flow.id.0)
    .bind::<Text, _>(flow.environment.as_str())
    .bind::<Binary, _>(flow.code_hash.as_slice())
    .bind::<Nullable<Text>, _>(flow.principal.as_ref().map(ToString::to_string))
    .bind::<Nullable<Text>, _>(flow.account_name.as_deref())
    .bind::<Integer, _>(flow.interval_seconds)
    .bind::<Timestamptz, _>(flow.begun_at)
    .bind::<Timestamptz, _>(flow.expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

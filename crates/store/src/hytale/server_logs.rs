//! What game servers say: lines in, pages out.

use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::caller::Principal;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{
    Array, BigInt, Binary, Bool, Double, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use std::time::Duration;
use uuid::Uuid;

/// So long a repeated idempotency key stores nothing.
const REPEATED_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// A live server, as far as it matters who may write and read its lines.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ServerPlace {
    /// Our id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The panel's.
    #[diesel(sql_type = SqlUuid)]
    pub uuid: Uuid,
    /// Our id of the node that it stands on, where that is mirrored.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub node_id: Option<Uuid>,
    /// The user whose server it is, where its owner at the panel is linked to one.
    #[diesel(sql_type = Nullable<Text>)]
    pub owner: Option<String>,
}

/// Lines of one server, in the order in which they were said.
#[derive(Debug, Clone)]
pub struct NewServerLogs {
    /// Our id of the server.
    pub server: Uuid,
    /// Who writes them; the idempotency key is theirs.
    pub principal: Principal,
    /// Asking again with the same key within a day stores nothing.
    pub idempotency_key: Option<String>,
    /// SHA-256 of the call: one key means one call.
    pub digest: [u8; 32],
    /// The lines; without U+0000, which PostgreSQL's text cannot hold.
    pub lines: Vec<String>,
    /// When each was said; `None`: now. As many as there are lines.
    pub times: Vec<Option<DateTime<Utc>>>,
}

/// What became of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SavedLogs {
    /// So many are stored.
    New(i64),
    /// So many were stored when the same was asked for before.
    Repeated(i64),
    /// The idempotency key came with another call before; nothing is stored.
    KeyReused,
}

/// A stored line.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ServerLogRow {
    /// Unique.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// When it was said.
    #[diesel(sql_type = Timestamptz)]
    pub logged_at: DateTime<Utc>,
    /// What was said.
    #[diesel(sql_type = Text)]
    pub line: String,
}

/// Which lines of a server are wanted; newest first.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerLogPage {
    /// Only older than this line (its time and id).
    pub before: Option<(DateTime<Utc>, i64)>,
    /// So many of those are left out.
    pub offset: i64,
    /// At most this many.
    pub limit: i64,
}

#[derive(QueryableByName)]
struct Lines {
    #[diesel(sql_type = BigInt)]
    lines: i64,
}

#[derive(QueryableByName)]
struct Call {
    #[diesel(sql_type = BigInt)]
    lines: i64,
    #[diesel(sql_type = Bool)]
    is_same: bool,
}

impl Store {
    /// The live server of our id. `id` may also be the panel's uuid of it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn server_place(&self, id: Uuid) -> Result<ServerPlace, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<ServerPlace> = sql_query(
            "SELECT s.id, s.uuid, s.node_id, l.user_id AS owner FROM servers s \
             LEFT JOIN panel_users p ON p.id = s.owner_id AND p.removed_at IS NULL \
             LEFT JOIN user_links l ON l.panel_user_id = p.id \
             WHERE (s.id = $1 OR s.uuid = $1) AND s.removed_at IS NULL \
             ORDER BY (s.id = $1) DESC LIMIT 1",
        )
        .bind::<SqlUuid, _>(id)
        .load(&mut conn)
        .await?;
        rows.into_iter()
            .next()
            .ok_or(StoreError::NotFound("server"))
    }

    /// Stores lines and counts them.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is stored then.
    pub async fn hytale_server_logs_append(
        &self,
        new: NewServerLogs,
    ) -> Result<SavedLogs, StoreError> {
        let mut conn = self.conn().await?;
        let lines = i64::try_from(new.lines.len()).unwrap_or(i64::MAX);
        conn.transaction(async move |conn| {
            if let Some(key) = &new.idempotency_key
                && let Some(before) = repeated(conn, &new, key, lines).await?
            {
                return Ok(before);
            }
            append(conn, &new).await?;
            Ok(SavedLogs::New(lines))
        })
        .await
    }

    /// Lines of a server, newest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_server_logs(
        &self,
        server: Uuid,
        page: ServerLogPage,
    ) -> Result<Vec<ServerLogRow>, StoreError> {
        let (before, before_id) = page.before.unzip();
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT id, logged_at, line FROM hytale_server_logs WHERE server_id = $1 \
               AND ($2::timestamptz IS NULL OR (logged_at, id) < ($2, $3)) \
             ORDER BY logged_at DESC, id DESC LIMIT $4 OFFSET $5",
        )
        .bind::<SqlUuid, _>(server)
        .bind::<Nullable<Timestamptz>, _>(before)
        .bind::<Nullable<BigInt>, _>(before_id)
        .bind::<BigInt, _>(page.limit)
        .bind::<BigInt, _>(page.offset)
        .load(&mut conn)
        .await?)
    }

    /// How many lines of a server there are: a row a month is read.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_server_logs_count(&self, server: Uuid) -> Result<i64, StoreError> {
        let mut conn = self.conn().await?;
        let counted: Lines = sql_query(
            "SELECT coalesce(sum(lines), 0)::bigint AS lines FROM hytale_server_log_counts \
             WHERE server_id = $1",
        )
        .bind::<SqlUuid, _>(server)
        .get_result(&mut conn)
        .await?;
        Ok(counted.lines)
    }

    /// Forgets idempotency keys that may be used anew, at most so many. Answers how many.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_server_log_calls_forget(&self, limit: i64) -> Result<usize, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "DELETE FROM hytale_server_log_calls WHERE ctid = ANY(ARRAY( \
                 SELECT ctid FROM hytale_server_log_calls \
                 WHERE created_at < now() - make_interval(secs => $1) LIMIT $2)) \
               AND created_at < now() - make_interval(secs => $1)",
        )
        .bind::<Double, _>(REPEATED_WITHIN.as_secs_f64())
        .bind::<BigInt, _>(limit)
        .execute(&mut conn)
        .await?)
    }
}

/// Notes the call. `Some`: one was made with its key before; one that is under way is
/// waited for.
async fn repeated(
    conn: &mut Connection,
    new: &NewServerLogs,
    key: &str,
    lines: i64,
) -> Result<Option<SavedLogs>, StoreError> {
    let principal = new.principal.to_string();
    let noted = sql_query(
        "INSERT INTO hytale_server_log_calls AS calls (server_id, principal, idempotency_key, lines, digest) \
         VALUES ($1, $2, $3, $4, $6) ON CONFLICT (server_id, principal, idempotency_key) \
         DO UPDATE SET lines = excluded.lines, digest = excluded.digest, created_at = now() \
           WHERE calls.created_at < now() - make_interval(secs => $5)",
    )
    .bind::<SqlUuid, _>(new.server)
    .bind::<Text, _>(&principal)
    .bind::<Text, _>(key)
    .bind::<BigInt, _>(lines)
    .bind::<Double, _>(REPEATED_WITHIN.as_secs_f64())
    .bind::<Binary, _>(new.digest.as_slice())
    .execute(conn)
    .await?;
    if noted == 1 {
        return Ok(None);
    }
    let before: Vec<Call> = sql_query(
        "SELECT lines, digest IS NULL OR digest = $4 AS is_same FROM hytale_server_log_calls \
         WHERE server_id = $1 AND principal = $2 AND idempotency_key = $3",
    )
    .bind::<SqlUuid, _>(new.server)
    .bind::<Text, _>(&principal)
    .bind::<Text, _>(key)
    .bind::<Binary, _>(new.digest.as_slice())
    .load(conn)
    .await?;
    Ok(Some(match before.into_iter().next() {
        Some(call) if !call.is_same => SavedLogs::KeyReused,
        call => SavedLogs::Repeated(call.map_or(lines, |call| call.lines)),
    }))
}

/// One statement, however many lines. Months are counted in their order, so that two
/// writers do not wait for each other.
async fn append(conn: &mut Connection, new: &NewServerLogs) -> Result<(), StoreError> {
    sql_query(
        "WITH given AS ( \
           SELECT line, coalesce(said_at, now()) AS logged_at, place \
           FROM unnest($2::text[], $3::timestamptz[]) WITH ORDINALITY AS it (line, said_at, place)), \
         appended AS ( \
           INSERT INTO hytale_server_logs (server_id, logged_at, line) \
           SELECT $1, logged_at, line FROM given ORDER BY place) \
         INSERT INTO hytale_server_log_counts AS counts (server_id, month, lines) \
         SELECT $1, date_trunc('month', logged_at AT TIME ZONE 'UTC')::date, count(*) \
         FROM given GROUP BY 2 ORDER BY 2 \
         ON CONFLICT (server_id, month) DO UPDATE SET lines = counts.lines + excluded.lines",
    )
    .bind::<SqlUuid, _>(new.server)
    .bind::<Array<Text>, _>(&new.lines)
    .bind::<Array<Nullable<Timestamptz>>, _>(&new.times)
    .execute(conn)
    .await?;
    Ok(())
}

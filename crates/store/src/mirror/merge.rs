//! The merge: rows of one table, by the thousand, in one statement that writes
//! nothing for a row that has not changed.
//!
//! The statement compares first and hands only what differs to
//! `INSERT … ON CONFLICT DO UPDATE` (whose own `WHERE … IS DISTINCT FROM` would
//! still lock, and log, every row it skips). It takes rows in order of their
//! key, so that two merges that meet wait for each other instead of
//! deadlocking. Foreign keys are resolved on the way, as far as the other side
//! is there.

use super::statement::{Tell, merge_sql};
use super::table::{Batch, bind};
use crate::error::StoreError;
use crate::pool::Connection;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

/// What became of a row that differed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Created,
    Updated,
    Restored,
    /// A live row of another uuid stands in its place: nothing was written.
    Replaced,
}

/// A row that the merge wrote, or could not write.
#[derive(Debug)]
pub(crate) struct Touched {
    /// The row's own id; for [`Change::Replaced`] the id of the old row.
    pub id: Uuid,
    /// First key column.
    pub remote_id: i64,
    /// Own id of the first parent, where it is there.
    pub parent_id: Option<Uuid>,
    pub change: Change,
    /// Names of the columns that changed.
    pub changed: Vec<String>,
}

#[derive(QueryableByName)]
struct TouchedRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    remote_id: i64,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    parent_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    change: String,
    #[diesel(sql_type = Array<Text>)]
    changed: Vec<String>,
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = SqlUuid)]
    #[expect(dead_code, reason = "only its existence matters")]
    id: Uuid,
}

/// How many rows a merge wrote.
#[derive(Debug, Default, QueryableByName)]
pub(crate) struct Counts {
    #[diesel(sql_type = BigInt)]
    pub created: i64,
    /// Those that changed on the panel; keys that could be resolved at last are no change.
    #[diesel(sql_type = BigInt)]
    pub updated: i64,
    #[diesel(sql_type = BigInt)]
    pub restored: i64,
}

/// Merges a batch and tells how many rows were touched.
pub(crate) async fn merge_counted(
    conn: &mut Connection,
    panel: Uuid,
    batch: Batch<'_>,
) -> Result<Counts, StoreError> {
    if batch.rows == 0 {
        return Ok(Counts::default());
    }
    Ok(prepare(conn, panel, batch, Tell::Counted)
        .await?
        .get_result(conn)
        .await?)
}

/// Merges a batch and tells which rows were touched: all, where each `is_heard` of, or
/// those alone that could not be written.
pub(crate) async fn merge(
    conn: &mut Connection,
    panel: Uuid,
    batch: Batch<'_>,
    is_heard: bool,
) -> Result<Vec<Touched>, StoreError> {
    if batch.rows == 0 {
        return Ok(Vec::new());
    }
    let tell = if is_heard {
        Tell::Touched
    } else {
        Tell::Replaced
    };
    let query = prepare(conn, panel, batch, tell).await?;
    let rows: Vec<TouchedRow> = query.load(conn).await?;
    Ok(rows
        .into_iter()
        .map(|row| Touched {
            id: row.id,
            remote_id: row.remote_id,
            parent_id: row.parent_id,
            change: match row.change.as_str() {
                "created" => Change::Created,
                "restored" => Change::Restored,
                "replaced" => Change::Replaced,
                _ => Change::Updated,
            },
            changed: row.changed,
        })
        .collect())
}

/// Makes room for the batch's rows, and the statement that merges them.
async fn prepare<'a>(
    conn: &mut Connection,
    panel: Uuid,
    batch: Batch<'a>,
    tell: Tell,
) -> Result<BoxedSqlQuery<'a, Pg, SqlQuery>, StoreError> {
    let table = batch.table;
    if table.has_uuid {
        make_room(conn, panel, &batch).await?;
    }
    let ids: Vec<Uuid> = (0..batch.rows).map(|_| Uuid::now_v7()).collect();
    let mut query = sql_query(merge_sql(table, tell))
        .into_boxed::<Pg>()
        .bind::<SqlUuid, _>(panel)
        .bind::<Array<SqlUuid>, _>(ids);
    for values in batch.columns {
        query = bind(query, values);
    }
    Ok(query)
}

/// Clears the place of removed rows whose id now belongs to another uuid, and
/// gives a removed row whose uuid is shown under another id that place, so that
/// it is restored as itself. A page that names a removed row is rare, so one
/// statement looks for any first, in an index that holds removed rows only.
async fn make_room(
    conn: &mut Connection,
    panel: Uuid,
    batch: &Batch<'_>,
) -> Result<(), StoreError> {
    let uuids = match &batch.columns.get(1) {
        Some(super::table::Values::Uuid(uuids)) => uuids.clone(),
        _ => return Ok(()),
    };
    let removed: Vec<Named> = sql_query(format!(
        "SELECT id FROM {table} WHERE panel_id = $1 AND removed_at IS NOT NULL \
           AND (remote_id = ANY($2) OR uuid = ANY($3)) LIMIT 1",
        table = batch.table.name
    ))
    .bind::<SqlUuid, _>(panel)
    .bind::<Array<Nullable<BigInt>>, _>(batch.key("remote_id"))
    .bind::<Array<SqlUuid>, _>(&uuids)
    .load(conn)
    .await?;
    if removed.is_empty() {
        return Ok(());
    }
    sql_query(format!(
        "UPDATE {table} m SET remote_id = NULL \
         FROM unnest($2::bigint[], $3::uuid[]) AS i (remote_id, uuid) \
         WHERE m.panel_id = $1 AND m.remote_id = i.remote_id \
           AND m.removed_at IS NOT NULL AND m.uuid <> i.uuid",
        table = batch.table.name
    ))
    .bind::<SqlUuid, _>(panel)
    .bind::<Array<Nullable<BigInt>>, _>(batch.key("remote_id"))
    .bind::<Array<SqlUuid>, _>(&uuids)
    .execute(conn)
    .await?;
    sql_query(format!(
        "UPDATE {table} m SET remote_id = a.remote_id FROM ( \
           SELECT DISTINCT ON (i.remote_id) i.remote_id, o.id \
           FROM unnest($2::bigint[], $3::uuid[]) AS i (remote_id, uuid) \
           JOIN {table} o ON o.panel_id = $1 AND o.uuid = i.uuid AND o.removed_at IS NOT NULL \
             AND o.remote_id IS DISTINCT FROM i.remote_id \
           WHERE NOT EXISTS (SELECT 1 FROM {table} l WHERE l.panel_id = $1 \
             AND (l.remote_id = i.remote_id OR (l.uuid = i.uuid AND l.removed_at IS NULL))) \
           ORDER BY i.remote_id, o.removed_at DESC \
         ) a WHERE m.id = a.id",
        table = batch.table.name
    ))
    .bind::<SqlUuid, _>(panel)
    .bind::<Array<Nullable<BigInt>>, _>(batch.key("remote_id"))
    .bind::<Array<SqlUuid>, _>(uuids)
    .execute(conn)
    .await?;
    Ok(())
}

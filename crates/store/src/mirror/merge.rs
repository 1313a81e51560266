//! The merge: rows of one table, by the thousand, in one statement that writes
//! nothing for a row that has not changed.
//!
//! The statement compares first and hands only what differs to
//! `INSERT … ON CONFLICT DO UPDATE` (whose own `WHERE … IS DISTINCT FROM` would
//! still lock, and log, every row it skips). It takes rows in order of their
//! key, so that two merges that meet wait for each other instead of
//! deadlocking. Foreign keys are resolved on the way, as far as the other side
//! is there.

use super::table::{Batch, Table, bind};
use crate::error::StoreError;
use crate::pool::Connection;
use crate::prepared::Prepared;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};
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

/// Which rows a merge tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tell {
    /// All that it touched, with the names of changed columns.
    Touched,
    /// Only those that it could not write, for another row stands in their place:
    /// nobody hears of the others, and comparing column by column takes time.
    Replaced,
}

/// Merges a batch and tells which rows were touched.
pub(crate) async fn merge(
    conn: &mut Connection,
    panel: Uuid,
    batch: Batch<'_>,
    tell: Tell,
) -> Result<Vec<Touched>, StoreError> {
    if batch.rows == 0 {
        return Ok(Vec::new());
    }
    let table = batch.table;
    if table.has_uuid {
        make_room(conn, panel, &batch).await?;
    }
    let ids: Vec<Uuid> = (0..batch.rows).map(|_| Uuid::now_v7()).collect();
    let mut query = sql_query(merge_sql(table, tell))
        .into_boxed::<diesel::pg::Pg>()
        .bind::<SqlUuid, _>(panel)
        .bind::<Array<SqlUuid>, _>(ids);
    for values in batch.columns {
        query = bind(query, values);
    }
    let rows: Vec<TouchedRow> = Prepared(query).load(conn).await?;
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
    let query = sql_query(format!(
        "SELECT id FROM {table} WHERE panel_id = $1 AND removed_at IS NOT NULL \
           AND (remote_id = ANY($2) OR uuid = ANY($3)) LIMIT 1",
        table = batch.table.name
    ))
    .bind::<SqlUuid, _>(panel)
    .bind::<Array<Nullable<BigInt>>, _>(batch.key("remote_id"))
    .bind::<Array<SqlUuid>, _>(&uuids);
    let removed: Vec<Named> = Prepared(query).load(conn).await?;
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

/// The statement of a table, made once.
fn merge_sql(table: &'static Table, tell: Tell) -> String {
    static STATEMENTS: OnceLock<Mutex<HashMap<(&'static str, Tell), String>>> = OnceLock::new();
    STATEMENTS
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry((table.name, tell))
        .or_insert_with(|| render(table, tell))
        .clone()
}

fn render(table: &Table, tell: Tell) -> String {
    let mut sql = String::with_capacity(4096);
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let arrays: Vec<String> = table
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| format!("${}::{}[]", index + 3, column.wire))
        .collect();
    let on_key = |left: &str, right: &str| {
        table
            .key
            .iter()
            .map(|key| format!("{left}.{key} = {right}.{key}"))
            .collect::<Vec<_>>()
            .join(" AND ")
    };
    let list = |prefix: &str, items: &[&str]| {
        items
            .iter()
            .map(|item| format!("{prefix}{item}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let keys: Vec<&str> = table.parents.iter().map(|parent| parent.key).collect();
    let data: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !table.key.contains(name))
        .collect();

    // What the panel says, cast, with the parents' own ids.
    let casts = table
        .columns
        .iter()
        .map(|column| match column.cast {
            Some(cast) => format!("i.{}::{cast} AS {}", column.name, column.name),
            None => format!("i.{}", column.name),
        })
        .collect::<Vec<_>>()
        .join(", ");
    write!(sql, "WITH input AS MATERIALIZED (SELECT i.new_id, {casts}").ok();
    for (index, parent) in table.parents.iter().enumerate() {
        write!(sql, ", p{index}.id AS {}", parent.key).ok();
    }
    write!(
        sql,
        " FROM unnest($2::uuid[], {arrays}) AS i (new_id, {columns})",
        arrays = arrays.join(", "),
        columns = list("", &names),
    )
    .ok();
    for (index, parent) in table.parents.iter().enumerate() {
        // Its array says once more which parents the page names, so that only those are read;
        // `ARRAY(SELECT …)` hides its length, which PostgreSQL would estimate by at length.
        let named = names.iter().position(|name| *name == parent.remote);
        write!(
            sql,
            " LEFT JOIN {table} p{index} ON p{index}.panel_id = $1 AND p{index}.remote_id = i.{remote} \
             AND p{index}.remote_id = ANY(ARRAY(SELECT DISTINCT unnest(${named}::bigint[]))) \
             AND p{index}.removed_at IS NULL",
            table = parent.table,
            remote = parent.remote,
            named = named.unwrap_or_default() + 3,
        )
        .ok();
    }

    // What differs from the mirror. As with parents, the array says once more which
    // rows are meant, so that PostgreSQL fetches those by index, all at once, and does
    // not read the whole table for every page.
    let told = |name: &str| {
        let keeps = table
            .columns
            .iter()
            .any(|column| column.keeps && column.name == name);
        if keeps {
            format!("COALESCE(i.{name}, m.{name}, '{{}}')")
        } else {
            format!("i.{name}")
        }
    };
    let compared = data
        .iter()
        .map(|name| told(name))
        .chain(keys.iter().map(|key| format!("i.{key}")))
        .collect::<Vec<_>>()
        .join(", ");
    let changed = match tell {
        Tell::Touched => format!(
            "CASE WHEN m.id IS NULL THEN ARRAY[]::text[] ELSE array_remove(ARRAY[{}], NULL) END",
            data.iter()
                .map(|name| format!(
                    "CASE WHEN m.{name} IS DISTINCT FROM {} THEN '{name}' END",
                    told(name)
                ))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        Tell::Replaced => "ARRAY[]::text[]".to_owned(),
    };
    let stored: Vec<&str> = data.iter().chain(&keys).copied().collect();
    let other = if table.has_uuid {
        "(m.id IS NOT NULL AND m.removed_at IS NULL AND m.uuid <> i.uuid)"
    } else {
        "false"
    };
    write!(
        sql,
        "), diff AS MATERIALIZED (SELECT i.new_id, m.id AS old_id, \
         m.removed_at IS NOT NULL AS was_removed, {other} AS replaced, \
         {changed} AS changed, {key_columns}, {data_columns}{key_list} \
         FROM input i LEFT JOIN {name} m ON m.panel_id = $1 AND {on} \
           AND m.{first} = ANY(ARRAY(SELECT unnest($3::bigint[]))) \
         WHERE m.id IS NULL OR m.removed_at IS NOT NULL OR ({mine}) IS DISTINCT FROM ({theirs}))",
        key_columns = list("i.", table.key),
        data_columns = data
            .iter()
            .map(|name| format!("{} AS {name}", told(name)))
            .collect::<Vec<_>>()
            .join(", "),
        key_list = keys
            .iter()
            .map(|key| format!(", i.{key}"))
            .collect::<String>(),
        name = table.name,
        on = on_key("m", "i"),
        first = table.key.first().copied().unwrap_or("remote_id"),
        mine = list("m.", &stored),
        theirs = compared,
    )
    .ok();

    // Only that is written.
    let written: Vec<&str> = names.iter().chain(&keys).copied().collect();
    let set = stored
        .iter()
        .map(|name| format!("{name} = excluded.{name}"))
        .collect::<Vec<_>>()
        .join(", ");
    let parent_id = keys
        .as_slice()
        .first()
        .map_or("NULL::uuid".to_owned(), |key| format!("d.{key}"));
    write!(
        sql,
        ", written AS (INSERT INTO {name} (id, panel_id, {columns}) \
         SELECT new_id, $1, {columns} FROM diff WHERE NOT replaced ORDER BY {key} \
         ON CONFLICT (panel_id, {key}) DO UPDATE SET {set}, removed_at = NULL, updated_at = now() \
         RETURNING id, {key}) \
         SELECT COALESCE(w.id, d.old_id) AS id, d.{first} AS remote_id, {parent_id} AS parent_id, \
         CASE WHEN d.replaced THEN 'replaced' WHEN d.old_id IS NULL THEN 'created' \
              WHEN d.was_removed THEN 'restored' ELSE 'updated' END AS change, d.changed \
         FROM diff d LEFT JOIN written w ON {on}{told}",
        told = match tell {
            Tell::Touched => "",
            Tell::Replaced => " WHERE d.replaced",
        },
        name = table.name,
        columns = list("", &written),
        key = list("", table.key),
        first = table.key.first().copied().unwrap_or("remote_id"),
        on = on_key("w", "d"),
    )
    .ok();
    sql
}

//! What one good answer lists whole (a server's variables, a nest's eggs): rows
//! that are no longer in it are noted as missing, and judged when the run ends.

use super::table::{Batch, Table};
use crate::error::StoreError;
use crate::pool::Connection;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

/// The whole lists of some parents' children.
pub(crate) struct Whole<'a> {
    /// The children's table.
    pub table: &'static Table,
    /// Column that holds the parent's id on the panel.
    pub parent: &'static str,
    /// Parents whose lists were whole.
    pub parents: &'a [i64],
    /// Keys of all listed children, one array a key column.
    pub keys: Vec<Vec<Option<i64>>>,
    /// Ids of children that are there although they cannot be read.
    pub unreadable: &'a [i64],
}

impl<'a> Whole<'a> {
    /// Takes the children's keys from the batch that merges them.
    pub fn of(batch: &Batch<'_>, parent: &'static str, parents: &'a [i64]) -> Self {
        Self {
            table: batch.table,
            parent,
            parents,
            keys: batch.table.key.iter().map(|key| batch.key(key)).collect(),
            unreadable: &[],
        }
    }
}

/// Notes what is missing, and forgets what an earlier reading of the same
/// parents noted and is listed now.
pub(crate) async fn note_missing(
    conn: &mut Connection,
    panel: Uuid,
    run: Uuid,
    whole: Whole<'_>,
) -> Result<(), StoreError> {
    if whole.parents.is_empty() {
        return Ok(());
    }
    let table = whole.table;
    let arrays = (0..table.key.len())
        .map(|index| format!("${}::bigint[]", index + 6))
        .collect::<Vec<_>>()
        .join(", ");
    let key = table.key.join(", ");
    let same = table
        .key
        .iter()
        .map(|column| format!("k.{column} = c.{column}"))
        .collect::<Vec<_>>()
        .join(" AND ");
    let listed = format!(
        "(c.{first} = ANY($5) OR EXISTS (SELECT 1 FROM unnest({arrays}) AS k ({key}) WHERE {same}))",
        first = table.key.first().copied().unwrap_or("remote_id"),
    );
    // The two halves never touch the same row, so their order is of no matter.
    let statement = format!(
        "WITH forgotten AS (DELETE FROM sync_missing m USING {name} c \
           WHERE m.run_id = $2 AND m.resource = $3 AND m.row_id = c.id \
             AND c.panel_id = $1 AND c.{parent} = ANY({parents}) AND {listed}) \
         INSERT INTO sync_missing (run_id, resource, row_id) \
         SELECT $2, $3, c.id FROM {name} c \
         WHERE c.panel_id = $1 AND c.removed_at IS NULL AND c.{parent} = ANY({parents}) AND NOT {listed} \
         ON CONFLICT DO NOTHING",
        name = table.name,
        parent = whole.parent,
        // Hides the list's length, which would make PostgreSQL read the whole table.
        parents = "ARRAY(SELECT unnest($4::bigint[]))",
    );
    let mut query = sql_query(statement)
        .into_boxed::<diesel::pg::Pg>()
        .bind::<SqlUuid, _>(panel)
        .bind::<SqlUuid, _>(run)
        .bind::<Text, _>(table.name)
        .bind::<Array<BigInt>, _>(whole.parents)
        .bind::<Array<BigInt>, _>(whole.unreadable);
    for keys in whole.keys {
        query = query.bind::<Array<Nullable<BigInt>>, _>(keys);
    }
    query.execute(conn).await?;
    Ok(())
}

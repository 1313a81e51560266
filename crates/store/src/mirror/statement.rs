//! The text of the merge's statement, generated from a table's description.

use super::table::Table;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};

/// What a merge tells of the rows that differed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tell {
    /// Each row, with the names of changed columns.
    Touched,
    /// How many there were.
    Counted,
    /// Only those that could not be written, for another row stands in their place:
    /// nobody hears of the others, and comparing column by column takes time.
    Replaced,
}

/// The statement of a table, made once.
pub(super) fn merge_sql(table: &'static Table, tell: Tell) -> String {
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
        Tell::Counted => format!(
            "({}) IS DISTINCT FROM ({})",
            list("m.", &data),
            data.iter()
                .map(|name| told(name))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        Tell::Replaced => "false".to_owned(),
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
    let first = table.key.first().copied().unwrap_or("remote_id");
    let parent_id = keys
        .as_slice()
        .first()
        .map_or("NULL::uuid".to_owned(), |key| format!("d.{key}"));
    let key = list("", table.key);
    // What nobody asks for is neither returned nor joined.
    let (returned, told) = match tell {
        Tell::Touched => (
            format!(" RETURNING id, {key}"),
            format!(
                "SELECT COALESCE(w.id, d.old_id) AS id, d.{first} AS remote_id, {parent_id} AS parent_id, \
                 CASE WHEN d.replaced THEN 'replaced' WHEN d.old_id IS NULL THEN 'created' \
                      WHEN d.was_removed THEN 'restored' ELSE 'updated' END AS change, d.changed \
                 FROM diff d LEFT JOIN written w ON {on}",
                on = on_key("w", "d"),
            ),
        ),
        Tell::Counted => (
            String::new(),
            "SELECT count(*) FILTER (WHERE old_id IS NULL) AS created, \
             count(*) FILTER (WHERE old_id IS NOT NULL AND NOT was_removed AND changed) AS updated, \
             count(*) FILTER (WHERE was_removed) AS restored FROM diff WHERE NOT replaced"
                .to_owned(),
        ),
        Tell::Replaced => (
            String::new(),
            format!(
                "SELECT d.old_id AS id, d.{first} AS remote_id, {parent_id} AS parent_id, \
                 'replaced' AS change, ARRAY[]::text[] AS changed FROM diff d WHERE d.replaced"
            ),
        ),
    };
    write!(
        sql,
        ", written AS (INSERT INTO {name} (id, panel_id, {columns}) \
         SELECT new_id, $1, {columns} FROM diff WHERE NOT replaced ORDER BY {key} \
         ON CONFLICT (panel_id, {key}) DO UPDATE SET {set}, removed_at = NULL, updated_at = now(){returned}) \
         {told}",
        name = table.name,
        columns = list("", &written),
    )
    .ok();
    sql
}

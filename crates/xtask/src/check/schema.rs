//! `crates/common/src/schema.rs` against a migrated database.
//!
//! diesel's own tool needs libpq, so the comparison is ours: both sides are written as lines of the
//! `table!` macro and compared.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use tokio_postgres::Client;

use super::catalog::difference;
use crate::shell;

/// Columns in the order of the table, and the primary key's columns in its order. Diesel keeps its
/// own table out of the file; partitions are their table's business.
const COLUMNS: &str = "
    SELECT c.relname, a.attname, t.typname, a.attnotnull
      FROM pg_attribute a
      JOIN pg_class c ON c.oid = a.attrelid
      JOIN pg_type t ON t.oid = a.atttypid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
       AND NOT c.relispartition
       AND a.attnum > 0 AND NOT a.attisdropped AND c.relname <> '__diesel_schema_migrations'
     ORDER BY c.relname, a.attnum";
const KEYS: &str = "
    SELECT k.conrelid::regclass::text,
           (SELECT string_agg(a.attname, ', ' ORDER BY u.position)
              FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, position)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum)
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid AND NOT c.relispartition
     WHERE k.connamespace = 'public'::regnamespace AND k.contype = 'p'
       AND k.conrelid::regclass::text <> '__diesel_schema_migrations'";

pub(crate) async fn compare(client: &Client) -> Result<()> {
    let path = shell::root().join("crates/common/src/schema.rs");
    let text = fs::read_to_string(&path).context("reading crates/common/src/schema.rs")?;
    let declared = declared(&text)?;
    let migrated = migrated(client).await?;
    ensure!(
        declared == migrated,
        "crates/common/src/schema.rs (-) and the migrations (+) differ:\n{}",
        difference(&declared, &migrated)
    );
    Ok(())
}

/// The lines that the database calls for.
async fn migrated(client: &Client) -> Result<BTreeSet<String>> {
    let mut lines = BTreeSet::new();
    let mut position = 0;
    let mut current = String::new();
    for row in client
        .query(COLUMNS, &[])
        .await
        .context("reading columns")?
    {
        let (table, column, udt, not_null): (String, String, String, bool) = (
            row.try_get(0)?,
            row.try_get(1)?,
            row.try_get(2)?,
            row.try_get(3)?,
        );
        if table != current {
            position = 0;
            current.clone_from(&table);
        }
        position += 1;
        let sql_type = diesel_type(&udt).with_context(|| format!("{table}.{column}"))?;
        let sql_type = if not_null {
            sql_type
        } else {
            format!("Nullable<{sql_type}>")
        };
        lines.insert(column_line(&table, position, &column, &sql_type));
    }
    for row in client
        .query(KEYS, &[])
        .await
        .context("reading primary keys")?
    {
        let (table, key): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        lines.insert(key_line(&table, &key));
    }
    Ok(lines)
}

fn diesel_type(udt: &str) -> Result<String> {
    if let Some(element) = udt.strip_prefix('_') {
        return Ok(format!("Array<{}>", diesel_type(element)?));
    }
    Ok(match udt {
        "uuid" => "Uuid",
        "int2" => "Int2",
        "int4" => "Int4",
        "int8" => "Int8",
        "float8" => "Float8",
        "text" => "Text",
        "varchar" => "Varchar",
        "bool" => "Bool",
        "date" => "Date",
        "timestamptz" => "Timestamptz",
        "jsonb" => "Jsonb",
        "bytea" => "Bytea",
        other => bail!("crates/xtask/src/check/schema.rs knows no diesel type for {other}"),
    }
    .to_owned())
}

/// The lines that the file's `table!` macros say.
fn declared(text: &str) -> Result<BTreeSet<String>> {
    let mut lines = BTreeSet::new();
    let mut table: Option<(String, usize)> = None;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        match (&mut table, line) {
            (_, "diesel::table! {") => inside = true,
            _ if !inside => {}
            (None, head) if head.ends_with('{') => {
                let (name, key) = head
                    .trim_end_matches('{')
                    .trim()
                    .trim_end_matches(')')
                    .split_once('(')
                    .with_context(|| format!("schema.rs: not a table's head: {head}"))?;
                lines.insert(key_line(name.trim(), key.trim()));
                table = Some((name.trim().to_owned(), 0));
            }
            (None, "}") => inside = false,
            (Some(_), "}") => table = None,
            (Some((name, position)), column) if column.contains("->") => {
                let (column, sql_type) = column.split_once("->").unwrap_or_default();
                *position += 1;
                let sql_type = sql_type.trim().trim_end_matches(',');
                lines.insert(column_line(name, *position, column.trim(), sql_type));
            }
            _ => {}
        }
    }
    Ok(lines)
}

fn column_line(table: &str, position: usize, column: &str, sql_type: &str) -> String {
    let column = column.strip_prefix("r#").unwrap_or(column);
    format!("{table} {position:>2}: {column} -> {sql_type}")
}

fn key_line(table: &str, key: &str) -> String {
    format!("{table} ({key})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_becomes_lines() {
        let text = "
            diesel::table! {
                things (id, kind) {
                    id -> Uuid,
                    kind -> Nullable<Text>,
                }
            }
            diesel::allow_tables_to_appear_in_same_query!(things, others,);";
        let expected = [
            "things  1: id -> Uuid",
            "things  2: kind -> Nullable<Text>",
            "things (id, kind)",
        ];
        assert_eq!(declared(text).unwrap(), expected.map(str::to_owned).into());
    }

    #[test]
    fn database_types_have_diesel_names() {
        assert_eq!(diesel_type("_int8").unwrap(), "Array<Int8>");
        assert!(diesel_type("money").is_err());
    }
}

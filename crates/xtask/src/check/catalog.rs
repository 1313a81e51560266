//! What a database contains, as comparable lines.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use tokio_postgres::Client;

/// Everything of ours in PostgreSQL's catalog: columns, constraints, indexes, triggers, functions, types,
/// sequences. One line each.
const DESCRIPTION: &str = "
    SELECT format('column %s.%s %s %s default %s', table_name, column_name, udt_name,
                  CASE is_nullable WHEN 'YES' THEN 'null' ELSE 'not null' END,
                  coalesce(column_default, identity_generation, generation_expression, 'none'))
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT format('trigger %s', pg_get_triggerdef(t.oid)) FROM pg_trigger t WHERE NOT tgisinternal
    UNION ALL
    SELECT format('function %s', pg_get_functiondef(oid))
      FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind IN ('f', 'p')
    UNION ALL
    SELECT format('type %s %s %s', typname, typtype,
                  (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder)
                     FROM pg_enum WHERE enumtypid = t.oid))
      FROM pg_type t WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
    UNION ALL
    SELECT format('%s %s', CASE relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END,
                  relname)
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm')
    UNION ALL
    SELECT format('extension %s', extname) FROM pg_extension";

pub(crate) async fn describe(client: &Client) -> Result<BTreeSet<String>> {
    let rows = client
        .query(DESCRIPTION, &[])
        .await
        .context("describing the database")?;
    rows.iter()
        .map(|row| row.try_get(0).context("describing the database"))
        .collect()
}

/// The lines that only one side has, marked `-` (first) and `+` (second).
pub(crate) fn difference(first: &BTreeSet<String>, second: &BTreeSet<String>) -> String {
    let lost = first.difference(second).map(|line| format!("- {line}"));
    let gained = second.difference(first).map(|line| format!("+ {line}"));
    lost.chain(gained).collect::<Vec<_>>().join("\n")
}

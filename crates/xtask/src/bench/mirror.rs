//! What the database says of a run, of its cost and of its end state.

use anyhow::{Context, Result};
use tokio_postgres::Client;

/// The role under which only workers connect, so that their statements can be told apart.
pub(crate) const WORKER_ROLE: &str = "bench_worker";

/// Mirrored tables.
const TABLES: [&str; 12] = [
    "locations",
    "nodes",
    "allocations",
    "nests",
    "eggs",
    "egg_variables",
    "panel_users",
    "servers",
    "server_variables",
    "server_databases",
    "server_subusers",
    "database_hosts",
];

/// Makes the worker's role and what counts its statements.
pub(crate) async fn prepare(client: &Client) -> Result<()> {
    client
        .batch_execute(&format!(
            "DO $$ BEGIN CREATE ROLE {WORKER_ROLE} SUPERUSER LOGIN;
             EXCEPTION WHEN duplicate_object THEN NULL; END $$;
             CREATE EXTENSION IF NOT EXISTS pg_stat_statements"
        ))
        .await
        .context("preparing the database for measurements")
}

/// Begins to count statements anew.
pub(crate) async fn forget_statements(client: &Client) -> Result<()> {
    client
        .batch_execute("SELECT pg_stat_statements_reset()")
        .await
        .context("resetting pg_stat_statements")
}

/// Statements of the worker's role in this database, BEGIN and COMMIT not counted.
pub(crate) async fn statements(client: &Client) -> Result<f64> {
    let query = format!(
        "SELECT coalesce(sum(calls), 0)::float8
           FROM pg_stat_statements s
           JOIN pg_roles r ON r.oid = s.userid
           JOIN pg_database d ON d.oid = s.dbid
          WHERE r.rolname = '{WORKER_ROLE}' AND d.datname = current_database()
            AND query !~* '^\\s*(begin|start transaction|commit)'"
    );
    number(client, &query).await.context("counting statements")
}

/// Rows of the mirror written so far. Backends report when they end, so workers have to be stopped.
pub(crate) async fn rows_written(client: &Client) -> Result<f64> {
    let tables = TABLES.map(|table| format!("'{table}'")).join(", ");
    let query = format!(
        "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::float8
           FROM pg_stat_user_tables WHERE relname IN ({tables})"
    );
    number(client, &query)
        .await
        .context("counting written rows")
}

/// VACUUM and CHECKPOINT, so that what follows writes no full page images of before.
pub(crate) async fn settle(client: &Client) -> Result<()> {
    client.batch_execute("VACUUM").await.context("VACUUM")?;
    client
        .batch_execute("CHECKPOINT")
        .await
        .context("CHECKPOINT")
}

/// WAL written so far by the whole server, in MiB.
pub(crate) async fn wal(client: &Client) -> Result<f64> {
    let query = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 / 1048576";
    number(client, query)
        .await
        .context("reading the WAL position")
}

/// From a run's trigger to its end, in seconds.
pub(crate) async fn wall_seconds(client: &Client, run: &str) -> Result<f64> {
    let row = client
        .query_one(
            "SELECT extract(epoch FROM completed_at - created_at)::float8
               FROM sync_runs WHERE id = $1::text::uuid",
            &[&run],
        )
        .await
        .context("reading the run")?;
    row.try_get(0).context("the run has not ended")
}

/// The share of a run's tasks that the worker with the fewest has done.
pub(crate) async fn least_share(client: &Client, run: &str, workers: usize) -> Result<f64> {
    let rows = client
        .query(
            "SELECT count(*)::float8 FROM sync_tasks
              WHERE run_id = $1::text::uuid AND worker_id IS NOT NULL GROUP BY worker_id",
            &[&run],
        )
        .await
        .context("reading the run's tasks")?;
    if rows.len() < workers {
        return Ok(0.0);
    }
    let counts: Vec<f64> = rows.iter().map(|row| row.get(0)).collect();
    Ok(counts.iter().copied().fold(f64::INFINITY, f64::min) / counts.iter().sum::<f64>())
}

/// A digest of every mirrored row but for what differs between two mirrors of one panel: our own
/// keys and our own times.
pub(crate) async fn digest(client: &Client) -> Result<String> {
    let mut digests = Vec::new();
    for table in TABLES {
        let query = format!(
            "SELECT coalesce(md5(string_agg(line, '' ORDER BY line)), '')
               FROM (SELECT md5((to_jsonb(t) - (
                        SELECT array_agg(column_name::text) FROM information_schema.columns
                         WHERE table_schema = 'public' AND table_name = '{table}'
                           AND (column_name IN ('created_at', 'updated_at')
                                OR udt_name = 'uuid' AND column_name ~ '^(.*_)?id$')))::text) AS line
                       FROM {table} t) lines"
        );
        let row = client
            .query_one(&query, &[])
            .await
            .with_context(|| format!("digesting {table}"))?;
        let digest: String = row.try_get(0)?;
        digests.push(format!("{table}:{digest}"));
    }
    Ok(digests.join(" "))
}

async fn number(client: &Client, query: &str) -> Result<f64> {
    Ok(client.query_one(query, &[]).await?.try_get(0)?)
}

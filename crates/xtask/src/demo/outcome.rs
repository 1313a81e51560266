//! What a run has done, read from PostgreSQL and not from what anybody says about it.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};
use serde::Serialize;
use tokio_postgres::Client;

use crate::database;
use crate::world::World;

/// The tables counted, by the name under which they are shown, in the order of the mirror.
const MIRRORED: [(&str, &str); 11] = [
    ("locations", "locations"),
    ("nodes", "nodes"),
    ("allocations", "allocations"),
    ("nests", "nests"),
    ("eggs", "eggs"),
    ("egg_variables", "egg_variables"),
    ("users", "panel_users"),
    ("servers", "servers"),
    ("server_variables", "server_variables"),
    ("server_databases", "server_databases"),
    ("server_subusers", "server_subusers"),
];

/// What became of the run.
#[derive(Serialize)]
pub(crate) struct Outcome {
    run: Run,
    mirrored: Mirrored,
    urls: BTreeMap<&'static str, String>,
    database_url: String,
}

#[derive(Serialize)]
struct Run {
    id: String,
    status: String,
    seconds: f64,
    requests: i64,
    items_failed: i64,
    #[serde(skip)]
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Mirrored {
    counts: BTreeMap<&'static str, i64>,
}

impl Outcome {
    /// Reads what the database says of a run and of its panel's live rows.
    pub(crate) async fn read(run: &str, world: &World) -> Result<Self> {
        let client = database::connect(&world.database_url).await?;
        Ok(Self {
            run: read_run(&client, run).await?,
            mirrored: read_counts(&client, run).await?,
            urls: world.urls.clone(),
            database_url: world.database_url.clone(),
        })
    }

    /// Whether the run reached its end.
    pub(crate) fn is_completed(&self) -> bool {
        self.run.status == "COMPLETED"
    }

    /// How the run ended, and why, where it did not complete.
    pub(crate) fn ending(&self) -> String {
        let Run { status, reason, .. } = &self.run;
        match reason {
            Some(reason) => format!("{status}: {reason}"),
            None => status.clone(),
        }
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let Run {
            id,
            status,
            seconds,
            requests,
            items_failed,
            ..
        } = &self.run;
        let mut text = format!(
            "\nRun {id}: {status} in {seconds:.1} s, {requests} requests, {items_failed} items failed\n\n"
        );
        for (name, _) in MIRRORED {
            let count = self.mirrored.counts.get(name).copied().unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<17}{count:>9}");
        }
        text.push('\n');
        for (name, url) in &self.urls {
            let _ = writeln!(text, "  {name:<21}{url}");
        }
        let _ = writeln!(text, "  {:<21}{}", "database", self.database_url);
        text
    }
}

async fn read_run(client: &Client, run: &str) -> Result<Run> {
    let row = client
        .query_one(
            "SELECT status, requests, items_failed,
                    extract(epoch FROM coalesce(completed_at, now()) - created_at)::float8,
                    concat_ws(': ', failed_step, error)
               FROM sync_runs WHERE id = $1::text::uuid",
            &[&run],
        )
        .await
        .context("reading the run")?;
    let seconds: f64 = row.try_get(3)?;
    Ok(Run {
        id: run.to_owned(),
        status: row.try_get(0)?,
        seconds: (seconds * 1000.0).round() / 1000.0,
        requests: row.try_get(1)?,
        items_failed: row.try_get(2)?,
        reason: row
            .try_get::<_, Option<String>>(4)?
            .filter(|reason| !reason.is_empty()),
    })
}

async fn read_counts(client: &Client, run: &str) -> Result<Mirrored> {
    let mut counts = BTreeMap::new();
    for (name, table) in MIRRORED {
        let query = format!(
            "SELECT count(*) FROM {table}
              WHERE removed_at IS NULL
                AND panel_id = (SELECT panel_id FROM sync_runs WHERE id = $1::text::uuid)"
        );
        let row = client
            .query_one(&query, &[&run])
            .await
            .with_context(|| format!("counting {name}"))?;
        counts.insert(name, row.try_get(0)?);
    }
    Ok(Mirrored { counts })
}

//! What is seen of a world in its database, past the code under test.

use crate::world::{PATIENCE, World};
use common::types::id::RunId;
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::{mirror, wait_for};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// What a killed worker's tasks may wait for another: the lease that the workers
/// here are given, and five seconds.
pub const TAKE_OVER: Duration = Duration::from_secs(3 + 5);

/// Every table of the mirror.
const MIRROR: [&str; 12] = [
    "locations",
    "nodes",
    "nests",
    "eggs",
    "egg_variables",
    "panel_users",
    "servers",
    "allocations",
    "server_variables",
    "server_subusers",
    "database_hosts",
    "server_databases",
];

impl World {
    /// Waits until nothing of the listings is left but a task of users whose request
    /// is on its way; names the task.
    pub async fn only_users_left(&self, id: RunId) -> Uuid {
        wait_for("a single open request", PATIENCE, async || {
            let open = self.panel.open_requests();
            let tasks: Vec<(Uuid, String, String)> = self
                .rows(
                    "SELECT id, kind, state FROM sync_tasks WHERE run_id = $1 AND stage = 1 \
                     AND state IN ('open', 'leased')",
                    id,
                )
                .await
                .iter()
                .map(|row| (row.get(0), row.get(1), row.get(2)))
                .collect();
            match tasks.as_slice() {
                [(task, kind, state)] if kind == "users" && state == "leased" && open == 1 => {
                    Ok(*task)
                }
                _ => Err(format!("{open} requests, tasks {tasks:?}")),
            }
        })
        .await
    }

    /// Tasks under lease, each with its fence.
    pub async fn leases(&self, id: RunId) -> BTreeSet<(Uuid, i64)> {
        self.rows(
            "SELECT id, fence FROM sync_tasks WHERE run_id = $1 AND state = 'leased'",
            id,
        )
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect()
    }

    /// Waits until none of these leases is the last of its task.
    pub async fn taken_over(&self, id: RunId, lost: &BTreeSet<(Uuid, i64)>) {
        wait_for(
            "the lost tasks to be taken over",
            TAKE_OVER,
            async || -> Result<(), String> {
                let left: Vec<_> = self.leases(id).await.intersection(lost).copied().collect();
                left.is_empty()
                    .then_some(())
                    .ok_or_else(|| format!("{left:?}"))
            },
        )
        .await;
    }

    /// Locks a table until a statement of a worker waits for it. The answer holds
    /// the lock until it is dropped, and names the connection that waits.
    pub async fn stop_a_statement_on(&self, table: &str) -> (Client, i32) {
        let client = self.connect().await;
        client
            .batch_execute(&format!(
                "BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"
            ))
            .await
            .unwrap();
        // Within one transaction the list of connections never changes.
        let looking = self.connect().await;
        let waiting = wait_for("a statement that waits", PATIENCE, async || {
            looking
                .query_opt(
                    "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                     WHERE NOT l.granted AND l.relation = to_regclass($1::text) \
                       AND a.application_name = 'sync-worker' LIMIT 1",
                    &[&table],
                )
                .await
                .unwrap()
                .map(|row| row.get(0))
        })
        .await;
        (client, waiting)
    }

    /// What every write to the mirror, to what runs have seen, and every new event
    /// changes: the transaction that wrote each row, and where it lies.
    pub async fn fingerprint(&self) -> Vec<String> {
        let client = self.connect().await;
        let mut prints = Vec::new();
        for table in MIRROR.iter().chain(&["sync_seen", "sync_errors"]) {
            let query = format!(
                "SELECT '{table} ' || count(*) || ' ' || \
                 coalesce(md5(string_agg(xmin::text || ctid::text, ' ' ORDER BY ctid)), '') FROM {table}"
            );
            prints.push(client.query_one(&query, &[]).await.unwrap().get(0));
        }
        let events = "SELECT 'outbox ' || coalesce(max(seq), 0) FROM outbox";
        prints.push(client.query_one(events, &[]).await.unwrap().get(0));
        prints
    }

    /// What differs between mirror and panel.
    pub async fn differences(&self) -> Vec<String> {
        let state = self.panel.state(|state| state.clone());
        mirror::differences(&self.connect().await, &state).await
    }

    pub async fn assert_mirrored(&self) {
        let differences = self.differences().await;
        assert!(
            differences.is_empty(),
            "{} differences, for example {:#?}",
            differences.len(),
            &differences[..differences.len().min(10)]
        );
    }

    /// Waits until the outbox is empty.
    pub async fn published(&self) {
        wait_for("the outbox to be published", PATIENCE, async || {
            let waiting = self
                .number("SELECT count(*) FROM outbox WHERE published_at IS NULL")
                .await;
            (waiting == 0).then_some(()).ok_or(waiting)
        })
        .await;
    }

    /// One number from the database.
    pub async fn number(&self, query: &str) -> i64 {
        let client = self.connect().await;
        client.query_one(query, &[]).await.unwrap().get(0)
    }

    async fn rows(&self, query: &str, run: RunId) -> Vec<tokio_postgres::Row> {
        self.connect().await.query(query, &[&run.0]).await.unwrap()
    }

    pub async fn connect(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(self.variable("DATABASE_URL"), NoTls)
            .await
            .expect("PostgreSQL");
        tokio::spawn(connection);
        client
    }
}

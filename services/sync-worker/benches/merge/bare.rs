//! The side that it is measured by: COPY, and one upsert a table and page.

use futures_util::{SinkExt, TryStreamExt};
use std::io::Cursor;
use std::pin::pin;
use std::sync::Arc;
use store::{PageCommit, PageRows};
use testkit::TestDatabase;
use tokio_postgres::Client;

/// What measured rows hang on, parents first.
const PARENTS: [&str; 8] = [
    "panels",
    "locations",
    "nodes",
    "nests",
    "eggs",
    "egg_variables",
    "panel_users",
    "database_hosts",
];

struct Table {
    name: &'static str,
    key: &'static str,
    /// Column that holds the ids of a page's rows.
    page: &'static str,
}

const ALLOCATIONS: Table = Table {
    name: "allocations",
    key: "panel_id, remote_id",
    page: "remote_id",
};

const SERVERS: [Table; 4] = [
    Table {
        name: "servers",
        key: "panel_id, remote_id",
        page: "remote_id",
    },
    Table {
        name: "server_variables",
        key: "panel_id, server_remote_id, egg_variable_remote_id",
        page: "server_remote_id",
    },
    Table {
        name: "server_subusers",
        key: "panel_id, remote_id",
        page: "server_remote_id",
    },
    Table {
        name: "server_databases",
        key: "panel_id, remote_id",
        page: "server_remote_id",
    },
];

/// Columns that no page writes: times of ours, and the link that servers give to allocations.
fn is_ours(table: &str, column: &str) -> bool {
    matches!(column, "created_at" | "updated_at" | "removed_at")
        || table == "allocations" && matches!(column, "server_id" | "server_remote_id")
}

/// Rows of some tables in PostgreSQL's binary format for COPY.
pub struct Captured(Vec<Part>);

struct Part {
    table: &'static str,
    rows: usize,
    data: Arc<[u8]>,
}

impl Captured {
    /// A page's rows as they stand in the mirror.
    pub async fn page(client: &Client, page: &PageCommit) -> Self {
        let tables: &[Table] = match page.rows {
            PageRows::Servers { .. } => &SERVERS,
            _ => &[ALLOCATIONS],
        };
        let ids = page
            .rows
            .ids()
            .iter()
            .map(i64::to_string)
            .collect::<Vec<_>>()
            .join(",");
        let mut parts = Vec::new();
        for table in tables {
            let rows = format!(
                "FROM {} WHERE {} = ANY('{{{ids}}}'::bigint[])",
                table.name, table.page
            );
            parts.push(Part::copy(client, table.name, &rows).await);
        }
        Self(parts)
    }

    /// Everything that measured rows hang on.
    pub async fn parents(client: &Client) -> Self {
        let mut parts = Vec::new();
        for table in PARENTS {
            parts.push(Part::copy(client, table, &format!("FROM {table}")).await);
        }
        Self(parts)
    }

    pub fn rows(&self) -> usize {
        self.0.iter().map(|part| part.rows).sum()
    }
}

impl Part {
    async fn copy(client: &Client, table: &'static str, rows: &str) -> Self {
        let columns = columns(client, table).await.join(", ");
        let data = client
            .copy_out(&format!(
                "COPY (SELECT {columns} {rows}) TO STDOUT (FORMAT binary)"
            ))
            .await
            .unwrap();
        let data = pin!(data)
            .try_fold(Vec::new(), |mut all, chunk| async move {
                all.extend_from_slice(&chunk);
                Ok(all)
            })
            .await
            .unwrap();
        let count: i64 = client
            .query_one(&format!("SELECT count(*) {rows}"), &[])
            .await
            .unwrap()
            .get(0);
        Self {
            table,
            rows: count as usize,
            data: data.into(),
        }
    }

    async fn send(&self, client: &Client, statement: &str) {
        let sink = client
            .copy_in::<_, Cursor<Arc<[u8]>>>(statement)
            .await
            .unwrap();
        let mut sink = pin!(sink);
        sink.send(Cursor::new(Arc::clone(&self.data)))
            .await
            .unwrap();
        assert_eq!(sink.finish().await.unwrap(), self.rows as u64);
    }
}

async fn columns(client: &Client, table: &str) -> Vec<String> {
    client
        .query(
            "SELECT column_name::text FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position",
            &[&table],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .filter(|column: &String| !is_ours(table, column))
        .collect()
}

pub struct Bare {
    pub client: Client,
    upserts: Vec<(&'static str, tokio_postgres::Statement)>,
    // Dropped after the connection.
    _database: TestDatabase,
}

impl Bare {
    pub async fn new(parents: &Captured) -> Self {
        let database = TestDatabase::new().await;
        let client = database.connect().await;
        for part in &parents.0 {
            let columns = columns(&client, part.table).await.join(", ");
            let statement = format!("COPY {} ({columns}) FROM STDIN (FORMAT binary)", part.table);
            part.send(&client, &statement).await;
        }
        let mut upserts = Vec::new();
        for table in [ALLOCATIONS].iter().chain(&SERVERS) {
            let columns = columns(&client, table.name).await;
            let set = columns
                .iter()
                .filter(|column| *column != "id" && !table.key.contains(column.as_str()))
                .map(|column| format!("{column} = excluded.{column}"))
                .collect::<Vec<_>>()
                .join(", ");
            let columns = columns.join(", ");
            let (name, key) = (table.name, table.key);
            client
                .batch_execute(&format!(
                    "CREATE TEMP TABLE copied_{name} ON COMMIT DELETE ROWS \
                     AS SELECT {columns} FROM {name} WITH NO DATA"
                ))
                .await
                .unwrap();
            let upsert = format!(
                "INSERT INTO {name} ({columns}) SELECT {columns} FROM copied_{name} \
                 ON CONFLICT ({key}) DO UPDATE SET {set}"
            );
            upserts.push((name, client.prepare(&upsert).await.unwrap()));
        }
        Self {
            client,
            upserts,
            _database: database,
        }
    }

    pub async fn write(&mut self, page: &Captured) {
        self.client.batch_execute("BEGIN").await.unwrap();
        for part in &page.0 {
            let statement = format!("COPY copied_{} FROM STDIN (FORMAT binary)", part.table);
            part.send(&self.client, &statement).await;
            let (_, upsert) = self
                .upserts
                .iter()
                .find(|(table, _)| *table == part.table)
                .unwrap();
            let written = self.client.execute(upsert, &[]).await.unwrap();
            assert_eq!(written, part.rows as u64);
        }
        self.client.batch_execute("COMMIT").await.unwrap();
    }
}

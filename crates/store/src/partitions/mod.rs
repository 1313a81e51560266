//! Tables that are partitioned by month: partitions are made ahead and dropped when
//! their time is over.

mod months;

use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Bool, Date, Text};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use months::{Month, Plan, plan};

/// So many days are longer than there are dates: nothing is ever dropped.
pub const FOR_EVER: u32 = u32::MAX;

/// A table with a partition a month and a default one, `<table>_default`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthlyTable {
    /// The trail of administration: append-only.
    AdminAudit,
    /// The trail of what happened to Hytale accounts: append-only.
    HytaleAudit,
    /// What game servers say.
    HytaleServerLogs,
}

impl MonthlyTable {
    /// Its name, with which those of its partitions begin.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AdminAudit => "admin_audit",
            Self::HytaleAudit => "hytale_audit",
            Self::HytaleServerLogs => "hytale_server_logs",
        }
    }

    /// The column that says in which month a row lies.
    const fn time(self) -> &'static str {
        match self {
            Self::AdminAudit | Self::HytaleAudit => "created_at",
            Self::HytaleServerLogs => "logged_at",
        }
    }

    /// What a new partition needs beyond what it inherits.
    fn complete(self, partition: &str) -> String {
        match self {
            // A statement trigger of the table does not guard its partitions.
            Self::AdminAudit | Self::HytaleAudit => format!(
                "CREATE TRIGGER {}_no_truncate BEFORE TRUNCATE ON {partition} \
                   FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();",
                self.name()
            ),
            Self::HytaleServerLogs => String::new(),
        }
    }

    /// What goes with a partition.
    fn clear(self, month: Month) -> String {
        match self {
            Self::AdminAudit | Self::HytaleAudit => String::new(),
            Self::HytaleServerLogs => format!(
                "DELETE FROM hytale_server_log_counts WHERE month = '{}';",
                month.day()
            ),
        }
    }
}

/// What was done to the partitions of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partitions {
    /// Names of those that were made.
    pub created: Vec<String>,
    /// Names of those that were dropped, rows and all.
    pub dropped: Vec<String>,
}

#[derive(QueryableByName)]
struct Partition {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Stray {
    #[diesel(sql_type = Date)]
    month: NaiveDate,
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Bool)]
    locked: bool,
}

impl Store {
    /// Makes the partitions of this month, of the next two, and of every month of which
    /// rows lie in the default partition (they move); drops those all of whose rows are
    /// older than `keep_days`. Whoever uses the table waits for it, a moment at most.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked, or others keep the table busy: again later.
    pub async fn month_partitions(
        &self,
        table: MonthlyTable,
        now: DateTime<Utc>,
        keep_days: u32,
    ) -> Result<Partitions, StoreError> {
        let mut conn = self.conn().await?;
        if look(&mut conn, table, now, keep_days).await?.is_empty() {
            return Ok(Partitions::default());
        }
        conn.transaction(async move |conn| {
            let name = table.name();
            let first: Locked = sql_query(
                "SELECT pg_try_advisory_xact_lock(hashtextextended($1 || '_partitions', 0)) AS locked",
            )
            .bind::<Text, _>(name)
            .get_result(conn)
            .await?;
            if !first.locked {
                return Ok(Partitions::default());
            }
            // Whoever appends would wait behind us.
            conn.batch_execute(&format!(
                "SET LOCAL lock_timeout = '2s'; LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"
            ))
            .await?;
            let plan = look(conn, table, now, keep_days).await?;
            carry_out(conn, table, &plan).await?;
            let names = |months: &[Month]| months.iter().map(|it| it.partition(name)).collect();
            Ok(Partitions {
                created: names(&plan.create),
                dropped: names(&plan.drop),
            })
        })
        .await
    }
}

async fn look(
    conn: &mut Connection,
    table: MonthlyTable,
    now: DateTime<Utc>,
    keep_days: u32,
) -> Result<Plan, StoreError> {
    let (name, time) = (table.name(), table.time());
    let partitions: Vec<Partition> = sql_query(
        "SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = $1::regclass",
    )
    .bind::<Text, _>(name)
    .load(conn)
    .await?;
    let strays: Vec<Stray> = sql_query(format!(
        "SELECT DISTINCT date_trunc('month', {time} AT TIME ZONE 'UTC')::date AS month \
         FROM {name}_default"
    ))
    .load(conn)
    .await?;
    let existing = partitions
        .iter()
        .filter_map(|it| Month::of_partition(name, &it.name))
        .collect();
    let strays = strays.iter().map(|it| Month::of(it.month)).collect();
    Ok(plan(now, &existing, &strays, keep_days))
}

/// The default partition is away meanwhile: attached, it would refuse the partition of
/// a month of which it holds rows, and that of an append-only table would refuse to
/// give them away.
async fn carry_out(
    conn: &mut Connection,
    table: MonthlyTable,
    plan: &Plan,
) -> Result<(), StoreError> {
    if plan.is_empty() {
        return Ok(());
    }
    let (name, time) = (table.name(), table.time());
    conn.batch_execute(&format!(
        "ALTER TABLE {name} DETACH PARTITION {name}_default"
    ))
    .await?;
    for month in &plan.create {
        let (partition, start, end) = (month.partition(name), month.start(), month.end());
        let complete = table.complete(&partition);
        conn.batch_execute(&format!(
            "CREATE TABLE {partition} PARTITION OF {name} FOR VALUES FROM ('{start}') TO ('{end}'); \
             {complete} \
             WITH moved AS (DELETE FROM {name}_default \
               WHERE {time} >= '{start}' AND {time} < '{end}' RETURNING *) \
             INSERT INTO {name} SELECT * FROM moved"
        ))
        .await?;
    }
    for month in &plan.drop {
        let (partition, clear) = (month.partition(name), table.clear(*month));
        conn.batch_execute(&format!("{clear} DROP TABLE {partition}"))
            .await?;
    }
    conn.batch_execute(&format!(
        "ALTER TABLE {name} ATTACH PARTITION {name}_default DEFAULT"
    ))
    .await?;
    Ok(())
}

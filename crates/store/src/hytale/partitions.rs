//! Partitions of the audit trail, made ahead and dropped when their time is over.

use super::months::{Month, Plan, plan};
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Bool, Date, Text};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};

/// What was done to the partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPartitions {
    /// Names of those that were made.
    pub created: Vec<String>,
    /// Names of those that were dropped, lines and all.
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
    /// lines lie in the default partition (they move); drops those all of whose lines
    /// are older than `keep_days`. Changes of the trail wait for it, a moment at most.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked, or others keep the trail busy: again later.
    pub async fn hytale_audit_partitions(
        &self,
        now: DateTime<Utc>,
        keep_days: u32,
    ) -> Result<AuditPartitions, StoreError> {
        let mut conn = self.conn().await?;
        if look(&mut conn, now, keep_days).await?.is_empty() {
            return Ok(AuditPartitions::default());
        }
        conn.transaction(async move |conn| {
            let first: Locked = sql_query(
                "SELECT pg_try_advisory_xact_lock(hashtextextended('hytale_audit_partitions', 0)) AS locked",
            )
            .get_result(conn)
            .await?;
            if !first.locked {
                return Ok(AuditPartitions::default());
            }
            // Whoever appends would wait behind us.
            conn.batch_execute(
                "SET LOCAL lock_timeout = '2s'; LOCK TABLE hytale_audit IN ACCESS EXCLUSIVE MODE",
            )
            .await?;
            let plan = look(conn, now, keep_days).await?;
            carry_out(conn, &plan).await?;
            let names = |months: &[Month]| months.iter().map(|it| it.partition()).collect();
            Ok(AuditPartitions {
                created: names(&plan.create),
                dropped: names(&plan.drop),
            })
        })
        .await
    }
}

async fn look(
    conn: &mut Connection,
    now: DateTime<Utc>,
    keep_days: u32,
) -> Result<Plan, StoreError> {
    let partitions: Vec<Partition> = sql_query(
        "SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = 'hytale_audit'::regclass",
    )
    .load(conn)
    .await?;
    let strays: Vec<Stray> = sql_query(
        "SELECT DISTINCT date_trunc('month', created_at AT TIME ZONE 'UTC')::date AS month \
         FROM hytale_audit_default",
    )
    .load(conn)
    .await?;
    let existing = partitions
        .iter()
        .filter_map(|it| Month::of_partition(&it.name))
        .collect();
    let strays = strays.iter().map(|it| Month::of(it.month)).collect();
    Ok(plan(now, &existing, &strays, keep_days))
}

/// The default partition is away meanwhile: attached, it would refuse the partition of
/// a month of which it holds lines, and refuse to give them away (it is append-only).
async fn carry_out(conn: &mut Connection, plan: &Plan) -> Result<(), StoreError> {
    if plan.is_empty() {
        return Ok(());
    }
    conn.batch_execute("ALTER TABLE hytale_audit DETACH PARTITION hytale_audit_default")
        .await?;
    for month in &plan.create {
        let (name, start, end) = (month.partition(), month.start(), month.end());
        conn.batch_execute(&format!(
            "CREATE TABLE {name} PARTITION OF hytale_audit FOR VALUES FROM ('{start}') TO ('{end}'); \
             CREATE TRIGGER hytale_audit_no_truncate BEFORE TRUNCATE ON {name} \
               FOR EACH STATEMENT EXECUTE FUNCTION refuse_change(); \
             WITH moved AS (DELETE FROM hytale_audit_default \
               WHERE created_at >= '{start}' AND created_at < '{end}' RETURNING *) \
             INSERT INTO hytale_audit SELECT * FROM moved"
        ))
        .await?;
    }
    for month in &plan.drop {
        conn.batch_execute(&format!("DROP TABLE {}", month.partition()))
            .await?;
    }
    conn.batch_execute("ALTER TABLE hytale_audit ATTACH PARTITION hytale_audit_default DEFAULT")
        .await?;
    Ok(())
}

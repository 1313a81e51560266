//! The keys that seal secrets, each wrapped by `ENCRYPTION_KEY`. `common::crypto` makes,
//! wraps and opens them.

use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use crate::sealed;
use chrono::{DateTime, Utc};
use common::types::admin::AdminEvent;
use common::types::caller::Actor;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::time::Duration;

/// A key that seals secrets.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct DataKeyRow {
    /// Its id, which stands in every envelope.
    #[diesel(sql_type = Text)]
    pub kid: String,
    /// The key, wrapped by `ENCRYPTION_KEY`.
    #[diesel(sql_type = Text)]
    pub wrapped: String,
    /// Whether new secrets are sealed with it.
    #[diesel(sql_type = Bool)]
    pub active: bool,
    /// Since when it is there.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

/// A data key that is to be wrapped otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrapped {
    /// Its id.
    pub kid: String,
    /// How it is stored now.
    pub before: String,
    /// How it is to be stored.
    pub after: String,
}

/// What became of the keys that seal no more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped {
    /// These are gone.
    pub dropped: Vec<String>,
    /// Something is still sealed by these.
    pub needed: Vec<String>,
    /// These must stay until then: a process may still seal with what it has read.
    pub too_young: Vec<String>,
    /// When those may be dropped.
    pub droppable_at: Option<DateTime<Utc>>,
}

/// Readers go on; whoever else changes the keys waits.
const LOCK: &str = "LOCK TABLE data_keys IN SHARE ROW EXCLUSIVE MODE";

impl Store {
    /// All data keys, the oldest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn data_keys(&self) -> Result<Vec<DataKeyRow>, StoreError> {
        let mut conn = self.conn().await?;
        all(&mut conn).await
    }

    /// Adds the first data key. Where there is one, or another process adds one at the same
    /// time, that stays and this does not count.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn data_key_add_first(&self, kid: &str, wrapped: &str) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query(
            "INSERT INTO data_keys (kid, wrapped, active) VALUES ($1, $2, true) \
             ON CONFLICT DO NOTHING",
        )
        .bind::<Text, _>(kid)
        .bind::<Text, _>(wrapped)
        .execute(&mut conn)
        .await?;
        Ok(())
    }

    /// Has a new key seal in place of the one that does, `replaces`, which stays to open;
    /// said in the trail. `false`: another one seals meanwhile, and nothing was changed.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn data_key_replace(
        &self,
        kid: &str,
        wrapped: &str,
        replaces: Option<&str>,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let (kid, wrapped, actor) = (kid.to_owned(), wrapped.to_owned(), actor.clone());
        let replaces = replaces.map(ToOwned::to_owned);
        admin_audit::change(self, |conn| {
            async move {
                sql_query(LOCK).execute(conn).await?;
                let now = all(conn).await?.into_iter().find(|key| key.active);
                if now.map(|key| key.kid) != replaces {
                    return Ok(false);
                }
                sql_query("UPDATE data_keys SET active = false WHERE active")
                    .execute(conn)
                    .await?;
                sql_query(
                    "INSERT INTO data_keys (kid, wrapped, active, created_at) \
                     VALUES ($1, $2, true, clock_timestamp())",
                )
                .bind::<Text, _>(&kid)
                .bind::<Text, _>(&wrapped)
                .execute(conn)
                .await?;
                let details = json!({ "key_id": kid, "replaces": replaces });
                tell(conn, AdminEvent::DataKeyCreated, details, &actor).await?;
                Ok(true)
            }
            .boxed()
        })
        .await
    }

    /// Stores data keys as another `ENCRYPTION_KEY` has wrapped them, all or none; said in
    /// the trail. `false`: one of them has changed meanwhile, and nothing was.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn data_keys_rewrap(
        &self,
        keys: &[Rewrapped],
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let (keys, actor) = (keys.to_vec(), actor.clone());
        admin_audit::change(self, |conn| {
            async move {
                sql_query(LOCK).execute(conn).await?;
                let now = all(conn).await?;
                let is_as_before = |key: &Rewrapped| {
                    now.iter()
                        .any(|row| row.kid == key.kid && row.wrapped == key.before)
                };
                if !keys.iter().all(is_as_before) {
                    return Ok(false);
                }
                for key in &keys {
                    sql_query("UPDATE data_keys SET wrapped = $2 WHERE kid = $1")
                        .bind::<Text, _>(&key.kid)
                        .bind::<Text, _>(&key.after)
                        .execute(conn)
                        .await?;
                }
                let kids: Vec<&str> = keys.iter().map(|key| key.kid.as_str()).collect();
                let details = json!({ "key_ids": kids });
                tell(conn, AdminEvent::DataKeysRewrapped, details, &actor).await?;
                Ok(true)
            }
            .boxed()
        })
        .await
    }

    /// Drops the keys that seal no more and by which nothing is sealed; said in the trail.
    /// None is dropped before the one that seals has done so for `at_rest`: by then every
    /// process that read the keys before has stored what it sealed with them.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn data_keys_drop(
        &self,
        at_rest: Duration,
        actor: &Actor,
    ) -> Result<Dropped, StoreError> {
        let actor = actor.clone();
        admin_audit::change(self, |conn| {
            async move {
                sql_query(LOCK).execute(conn).await?;
                let keys = all(conn).await?;
                let Some(active) = keys.iter().find(|key| key.active) else {
                    return Ok(Dropped::default());
                };
                let droppable_at = active.created_at + at_rest;
                let old = keys.iter().filter(|key| !key.active);
                let old: Vec<String> = old.map(|key| key.kid.clone()).collect();
                let mut report = Dropped::default();
                for kid in old {
                    if sealed::anything_by(conn, &kid).await? {
                        report.needed.push(kid);
                    } else if droppable_at > clock(conn).await? {
                        report.too_young.push(kid);
                        report.droppable_at = Some(droppable_at);
                    } else {
                        sql_query("DELETE FROM data_keys WHERE kid = $1")
                            .bind::<Text, _>(&kid)
                            .execute(conn)
                            .await?;
                        let details = json!({ "key_id": kid });
                        tell(conn, AdminEvent::DataKeyDropped, details, &actor).await?;
                        report.dropped.push(kid);
                    }
                }
                Ok(report)
            }
            .boxed()
        })
        .await
    }
}

async fn all(conn: &mut Connection) -> Result<Vec<DataKeyRow>, StoreError> {
    let rows = "SELECT kid, wrapped, active, created_at FROM data_keys ORDER BY created_at, kid";
    Ok(sql_query(rows).load(conn).await?)
}

#[derive(QueryableByName)]
struct Moment {
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

/// PostgreSQL's time, since the keys' own is that.
async fn clock(conn: &mut Connection) -> Result<DateTime<Utc>, StoreError> {
    let moment: Moment = sql_query("SELECT clock_timestamp() AS now")
        .get_result(conn)
        .await?;
    Ok(moment.now)
}

async fn tell(
    conn: &mut Connection,
    event: AdminEvent,
    details: Value,
    actor: &Actor,
) -> Result<(), StoreError> {
    let line = NewAdminLine {
        event,
        subject: None,
        details,
    };
    admin_audit::append(conn, &line, actor).await
}

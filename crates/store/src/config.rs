//! Settings that override the environment. This file stores sealed text;
//! `common::crypto` seals and opens it.

use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::outbox::{self, Outgoing};
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::admin::AdminEvent;
use common::types::caller::Actor;
use common::types::event::{Event, EventType};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::{Value, json};

/// What an event about settings is about.
const SUBJECT: &str = "settings";

/// A stored setting.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct SettingRow {
    /// Its key, for example `pterodactyl_url`.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// As `format` says.
    #[diesel(sql_type = Text)]
    pub value: String,
    /// `plain`, `envelope` or `legacy_gcm`.
    #[diesel(sql_type = Text)]
    pub format: String,
    /// Last change.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
    /// Of a secret: the origin that it was given for, where that is known.
    #[diesel(sql_type = Nullable<Text>)]
    pub origin: Option<String>,
}

/// A setting to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingWrite {
    /// Its key.
    pub key: &'static str,
    /// As `format` says.
    pub value: String,
    /// `plain` or `envelope`.
    pub format: &'static str,
    /// Of a secret: the origin that it is given for.
    pub origin: Option<String>,
}

/// What is to become of the stored settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SettingsChange {
    /// Stored in place of what is there.
    pub writes: Vec<SettingWrite>,
    /// Keys that are stored no longer.
    pub removals: Vec<&'static str>,
    /// What trail and event say: a list of `{key, before, after}` without secrets.
    pub told: Vec<Value>,
}

impl Store {
    /// All stored settings.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn settings(&self) -> Result<Vec<SettingRow>, StoreError> {
        let mut conn = self.conn().await?;
        stored(&mut conn).await
    }

    /// Changes settings as `decide` says, which sees what is stored while nobody else can
    /// change it. What changes is told in the trail of administration and as an event, all
    /// in one transaction; where nothing does, nothing is told. Answers the keys that changed.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; inside, what `decide` refuses. Nothing is changed.
    pub async fn settings_change<R: Send + 'static>(
        &self,
        actor: &Actor,
        decide: impl FnOnce(Vec<SettingRow>) -> Result<SettingsChange, R> + Send + 'static,
    ) -> Result<Result<Vec<&'static str>, R>, StoreError> {
        let actor = actor.clone();
        admin_audit::change(self, |conn| {
            async move {
                // Readers go on; whoever else changes settings waits.
                sql_query("LOCK TABLE config IN SHARE ROW EXCLUSIVE MODE")
                    .execute(conn)
                    .await?;
                match decide(stored(conn).await?) {
                    Ok(change) => apply(conn, change, &actor).await.map(Ok),
                    Err(refused) => Ok(Err(refused)),
                }
            }
            .boxed()
        })
        .await
    }

    /// Stores a setting as it is, unchecked and untold: what an import does.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn setting_save(
        &self,
        key: &str,
        value: &str,
        format: &str,
        updated_by: &str,
    ) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query(
            "INSERT INTO config (key, value, format, updated_by) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, format = excluded.format, \
               updated_by = excluded.updated_by, updated_at = now(), origin = NULL",
        )
        .bind::<Text, _>(key)
        .bind::<Text, _>(value)
        .bind::<Text, _>(format)
        .bind::<Text, _>(updated_by)
        .execute(&mut conn)
        .await?;
        Ok(())
    }
}

async fn stored(conn: &mut Connection) -> Result<Vec<SettingRow>, StoreError> {
    let rows = "SELECT key, value, format, updated_at, origin FROM config ORDER BY key";
    Ok(sql_query(rows).load(conn).await?)
}

async fn apply(
    conn: &mut Connection,
    change: SettingsChange,
    actor: &Actor,
) -> Result<Vec<&'static str>, StoreError> {
    let written = change.writes.iter().map(|write| write.key);
    let keys: Vec<_> = written.chain(change.removals.iter().copied()).collect();
    if keys.is_empty() {
        return Ok(keys);
    }
    for write in &change.writes {
        sql_query(
            "INSERT INTO config (key, value, format, updated_by, origin) \
             VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, format = excluded.format, \
               updated_by = excluded.updated_by, updated_at = now(), origin = excluded.origin",
        )
        .bind::<Text, _>(write.key)
        .bind::<Text, _>(&write.value)
        .bind::<Text, _>(write.format)
        .bind::<Text, _>(actor.name())
        .bind::<Nullable<Text>, _>(write.origin.as_deref())
        .execute(conn)
        .await?;
    }
    for key in &change.removals {
        sql_query("DELETE FROM config WHERE key = $1")
            .bind::<Text, _>(key)
            .execute(conn)
            .await?;
    }
    let line = NewAdminLine {
        event: AdminEvent::SettingsChanged,
        subject: None,
        details: json!({ "changes": change.told }),
    };
    admin_audit::append(conn, &line, actor).await?;
    let data = json!({ "actor": actor.name(), "changes": change.told });
    let event = Event::new(EventType::SettingsChanged, SUBJECT, Utc::now(), data);
    outbox::say(conn, vec![Outgoing::event(event)]).await?;
    Ok(keys)
}

//! Settings that override the environment, and the keys that seal secrets. This
//! file stores sealed text; `common::crypto` seals and opens it.

use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text, Timestamptz};
use diesel_async::RunQueryDsl;

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
}

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
}

impl Store {
    /// All stored settings.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn settings(&self) -> Result<Vec<SettingRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(
            sql_query("SELECT key, value, format, updated_at FROM config ORDER BY key")
                .load(&mut conn)
                .await?,
        )
    }

    /// Stores a setting.
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
               updated_by = excluded.updated_by, updated_at = now()",
        )
        .bind::<Text, _>(key)
        .bind::<Text, _>(value)
        .bind::<Text, _>(format)
        .bind::<Text, _>(updated_by)
        .execute(&mut conn)
        .await?;
        Ok(())
    }

    /// All data keys.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn data_keys(&self) -> Result<Vec<DataKeyRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(
            sql_query("SELECT kid, wrapped, active FROM data_keys ORDER BY created_at")
                .load(&mut conn)
                .await?,
        )
    }

    /// Adds the first data key. Where there is one, or another process adds one at the same
    /// time, that stays and this does not count.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn data_key_add_first(&self, key: &DataKeyRow) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query(
            "INSERT INTO data_keys (kid, wrapped, active) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING",
        )
        .bind::<Text, _>(&key.kid)
        .bind::<Text, _>(&key.wrapped)
        .bind::<Bool, _>(key.active)
        .execute(&mut conn)
        .await?;
        Ok(())
    }
}

//! What each data key seals, and what is sealed by none.

use super::RotationError;
use super::kept::{Kept, kept};
use super::reseal::{Pages, Unreadable, open, unreadable};
use crate::vault::{Vault, VaultError};
use chrono::{DateTime, Utc};
use common::crypto::keyring::{DataKey, KeyId};
use common::crypto::master::MasterKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{DataKeyRow, SEALED_COLUMNS, SealedColumn, Store, StoreError};

/// What opens a data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// `ENCRYPTION_KEY`.
    ByKey,
    /// Only `ENCRYPTION_KEY_OLD`.
    ByOldKey,
    /// Neither.
    ByNone,
}

/// A data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// Its id.
    pub id: String,
    /// Whether it seals.
    pub active: bool,
    /// Since when it is there.
    pub created_at: DateTime<Utc>,
    /// What opens it.
    pub opened: Opened,
    /// Values that name it, by column.
    pub seals: BTreeMap<String, usize>,
}

/// What lies in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnStatus {
    /// The column.
    pub column: SealedColumn,
    /// Sealed by the data key that seals.
    pub current: usize,
    /// Sealed by an earlier one.
    pub older: usize,
    /// Secrets that nothing seals.
    pub plain: usize,
    /// Sealed by the master key itself.
    pub legacy: usize,
    /// Of all those, and of what is kept in no known way: those that do not open.
    pub unreadable: usize,
}

/// The keys, and what needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The data keys, the oldest first.
    pub keys: Vec<KeyStatus>,
    /// Every column that holds sealed secrets.
    pub columns: Vec<ColumnStatus>,
    /// Every value that does not open.
    pub unreadable: Vec<Unreadable>,
}

impl Status {
    /// Whether everything opens.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.unreadable.is_empty() && self.keys.iter().all(|key| key.opened != Opened::ByNone)
    }
}

/// Opens every stored secret, and counts. Changes nothing.
///
/// # Errors
/// PostgreSQL cannot be asked. Keys and values that do not open are none.
pub async fn status(store: &Store, master: Arc<MasterKey>) -> Result<Status, RotationError> {
    let mut keys = Vec::new();
    let mut ring = Vec::new();
    for row in store.data_keys().await? {
        let (opened, key) = look(&master, &row)?;
        ring.extend(key);
        keys.push(KeyStatus {
            id: row.kid,
            active: row.active,
            created_at: row.created_at,
            opened,
            seals: BTreeMap::new(),
        });
    }
    let count = Count {
        vault: Vault::of_some(master, ring),
    };
    let mut status = Status {
        keys,
        columns: Vec::new(),
        unreadable: Vec::new(),
    };
    for column in SEALED_COLUMNS {
        count.add(store, column, &mut status).await?;
    }
    Ok(status)
}

fn look(master: &MasterKey, row: &DataKeyRow) -> Result<(Opened, Option<DataKey>), RotationError> {
    let id = KeyId::parse(&row.kid).map_err(VaultError::KeyId)?;
    let key = master.unwrap(&id, &row.wrapped).ok();
    let opened = match &key {
        None => Opened::ByNone,
        Some(_) if master.has_wrapped(&id, &row.wrapped) => Opened::ByKey,
        Some(_) => Opened::ByOldKey,
    };
    Ok((opened, key))
}

struct Count {
    vault: Vault,
}

impl Count {
    async fn add(
        &self,
        store: &Store,
        column: SealedColumn,
        status: &mut Status,
    ) -> Result<(), StoreError> {
        let mut sum = ColumnStatus {
            column,
            current: 0,
            older: 0,
            plain: 0,
            legacy: 0,
            unreadable: 0,
        };
        let name = format!("{}.{}", column.table(), column.column);
        let mut pages = Pages::of(column, "");
        while let Some(rows) = pages.next(store).await? {
            for row in rows {
                match kept(&column, &row) {
                    Kept::Open => continue,
                    Kept::Plain => sum.plain += 1,
                    Kept::Legacy => sum.legacy += 1,
                    Kept::Unknown => {}
                    Kept::Sealed(id) => {
                        let key = status.keys.iter_mut().find(|key| key.id == id.as_str());
                        match &key {
                            Some(key) if key.active => sum.current += 1,
                            _ => sum.older += 1,
                        }
                        if let Some(key) = key {
                            *key.seals.entry(name.clone()).or_default() += 1;
                        }
                    }
                }
                if let Err(error) = open(&self.vault, &column, &row) {
                    sum.unreadable += 1;
                    status.unreadable.push(unreadable(column, row, &error));
                }
            }
        }
        status.columns.push(sum);
        Ok(())
    }
}

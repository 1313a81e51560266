//! Sealing anew, in batches. A value is replaced where its row still holds it, by one that
//! was opened again before; whatever somebody else stores meanwhile is newer and stays.

use super::kept::{Kept, kept};
use super::{Rotation, RotationError};
use crate::vault::{Vault, VaultError};
use common::crypto::envelope::OpenError;
use common::crypto::format::StoredSecretError;
use common::crypto::keyring::KeyId;
use runtime::error_chain::ErrorChain;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use store::{Resealed, SEALED_COLUMNS, SealedColumn, SealedRow, Store, StoreError};

/// Values that are stored together.
const BATCH: i64 = 200;
/// How often all is gone through for the sake of rows that others were at.
const PASSES: usize = 20;
/// Time for those others to let go.
const PAUSE: Duration = Duration::from_millis(250);

/// Told after each batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The column.
    pub column: SealedColumn,
    /// Values of it that this pass has sealed anew.
    pub resealed: usize,
}

/// A value that does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The column.
    pub column: SealedColumn,
    /// The row that it should be sealed for.
    pub row: String,
    /// Why it does not open; holds nothing of it.
    pub reason: String,
}

/// What was sealed anew, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Values that are sealed anew.
    pub resealed: usize,
    /// Values that are as they were because they do not open.
    pub unreadable: Vec<Unreadable>,
    /// Values that are as they were because others were at their rows all the time.
    pub held: usize,
}

/// What is sealed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Whatever is not sealed by the data key that seals.
    All,
    /// What the master key itself had sealed.
    OfTheMaster,
}

impl Scope {
    fn has(self, kept: &Kept) -> bool {
        match (self, kept) {
            (_, Kept::Open) => false,
            (_, Kept::Legacy) | (Self::All, _) => true,
            (Self::OfTheMaster, _) => false,
        }
    }
}

impl Rotation<'_> {
    /// Answers the data key that sealed, and what.
    pub(super) async fn reseal(
        &self,
        scope: Scope,
        told: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(String, Tally), RotationError> {
        let mut tally = Tally::default();
        let mut passes = 0;
        loop {
            // Read anew each time, as are the values.
            let vault = Vault::open_to_seal(self.store, Some(Arc::clone(&self.master))).await?;
            let active = vault.active().ok_or(VaultError::NoDataKey)?.clone();
            tally.unreadable.clear();
            tally.held = 0;
            for column in SEALED_COLUMNS {
                let pass = Pass {
                    store: self.store,
                    vault: &vault,
                    active: &active,
                    scope,
                    column,
                };
                pass.run(&mut tally, told).await?;
            }
            passes += 1;
            if tally.held == 0 || passes == PASSES {
                return Ok((active.to_string(), tally));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Once through a column.
struct Pass<'a> {
    store: &'a Store,
    vault: &'a Vault,
    active: &'a KeyId,
    scope: Scope,
    column: SealedColumn,
}

impl Pass<'_> {
    async fn run(
        &self,
        tally: &mut Tally,
        told: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), StoreError> {
        let mut pages = Pages::of(self.column, self.active.as_str());
        let mut resealed = 0;
        while let Some(rows) = pages.next(self.store).await? {
            let mut batch = Vec::new();
            for row in rows {
                if !self.scope.has(&kept(&self.column, &row)) {
                    continue;
                }
                match anew(self.vault, &self.column, &row) {
                    Ok(value) => batch.push(value),
                    Err(error) => tally.unreadable.push(unreadable(self.column, row, &error)),
                }
            }
            if batch.is_empty() {
                continue;
            }
            let replaced = self.store.sealed_replace(&self.column, &batch).await?;
            resealed += replaced;
            tally.resealed += replaced;
            tally.held += batch.len().saturating_sub(replaced);
            told(Progress {
                column: self.column,
                resealed,
            });
        }
        Ok(())
    }
}

/// A column's values, page by page.
pub(super) struct Pages<'a> {
    column: SealedColumn,
    but_by: &'a str,
    after: String,
}

impl<'a> Pages<'a> {
    /// Those that are not sealed by the key `but_by`.
    pub(super) fn of(column: SealedColumn, but_by: &'a str) -> Self {
        Self {
            column,
            but_by,
            after: String::new(),
        }
    }

    pub(super) async fn next(
        &mut self,
        store: &Store,
    ) -> Result<Option<Vec<SealedRow>>, StoreError> {
        let rows = store.sealed_page(&self.column, self.but_by, &self.after, BATCH);
        let rows = rows.await?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        self.after.clone_from(&last.id);
        Ok(Some(rows))
    }
}

/// Whether values are left that an earlier data key has sealed, and that open.
pub(super) async fn is_under_way(store: &Store, vault: &Vault) -> Result<bool, StoreError> {
    let Some(active) = vault.active() else {
        return Ok(false);
    };
    for column in SEALED_COLUMNS {
        let mut pages = Pages::of(column, active.as_str());
        while let Some(rows) = pages.next(store).await? {
            let is_left = |row: &SealedRow| {
                matches!(kept(&column, row), Kept::Sealed(_)) && open(vault, &column, row).is_ok()
            };
            if rows.iter().any(is_left) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

pub(super) fn open(
    vault: &Vault,
    column: &SealedColumn,
    row: &SealedRow,
) -> Result<SecretString, VaultError> {
    vault.open_as(column.place.of(&row.id), &row.value, &row.format)
}

pub(super) fn unreadable(column: SealedColumn, row: SealedRow, why: &VaultError) -> Unreadable {
    Unreadable {
        column,
        row: row.id,
        reason: ErrorChain(why).to_string(),
    }
}

/// A value sealed anew in its place.
fn anew(vault: &Vault, column: &SealedColumn, row: &SealedRow) -> Result<Resealed, VaultError> {
    let place = column.place.of(&row.id);
    let secret = open(vault, column, row)?;
    let after = verified(
        &secret,
        |secret| vault.seal(place, secret),
        |sealed| vault.unseal(place, sealed),
    )?;
    Ok(Resealed {
        row: row.id.clone(),
        before: row.value.clone(),
        after,
    })
}

/// Seals a secret and opens that again: nothing is replaced by what opens as something else.
fn verified(
    secret: &SecretString,
    seal: impl FnOnce(&SecretString) -> Result<String, VaultError>,
    unseal: impl FnOnce(&str) -> Result<SecretString, VaultError>,
) -> Result<String, VaultError> {
    let sealed = seal(secret)?;
    if unseal(&sealed)?.expose_secret() == secret.expose_secret() {
        return Ok(sealed);
    }
    let differs = StoredSecretError::Envelope(OpenError::Refused);
    Err(VaultError::Open(differs))
}

#[cfg(test)]
mod tests {
    use super::verified;
    use crate::vault::VaultError;

    #[test]
    fn a_secret_is_replaced_only_by_what_opens_as_that_secret() {
        let secret = "hush".into();
        let seal = |_: &_| Ok("sealed".to_owned());
        let opened = verified(&secret, seal, |_| Ok("hush".into()));
        assert_eq!(opened.unwrap(), "sealed");
        let spoilt = verified(&secret, seal, |_| Ok("hus".into()));
        assert!(matches!(spoilt, Err(VaultError::Open(_))), "{spoilt:?}");
        let lost = verified(&secret, seal, |_| Err(VaultError::NoDataKey));
        assert!(matches!(lost, Err(VaultError::NoDataKey)), "{lost:?}");
    }
}

//! Webhooks' addresses and secrets, opened once a revision.

use super::shown;
use crate::vault::{Vault, VaultError};
use chrono::{DateTime, Utc};
use common::crypto::master::MasterKey;
use common::crypto::place::Place;
use common::crypto::webhook_signature::{SecretError, SigningSecret};
use common::types::id::WebhookId;
use common::types::webhook::WebhookKind;
use outbound::DiscordWebhook;
use secrecy::ExposeSecret;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{Store, StoreError, WebhookRow};
use tokio::time::Instant;
use url::Url;

/// Why a webhook cannot be reached. Holds no address and no secret.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// PostgreSQL could not be asked.
    #[error("the webhook cannot be read")]
    Store(#[from] StoreError),
    /// Its address or secret does not open.
    #[error("the webhook's address or secret cannot be opened")]
    Vault(#[from] VaultError),
    /// Its address is none.
    #[error("the webhook's stored address is none")]
    Address,
    /// Its signing secret is none.
    #[error("the webhook's stored signing secret is none")]
    Secret(#[from] SecretError),
}

impl TargetError {
    /// Whether PostgreSQL was away, which says nothing about the webhook.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Vault(VaultError::Store(_)))
    }
}

/// Where a webhook's messages go. Printed, it says no more than people may see.
pub enum Target {
    /// A channel of Discord.
    Discord {
        /// Its address.
        webhook: DiscordWebhook,
        /// The channel, as far as it is known.
        channel: Option<String>,
    },
    /// A system that checks our signature.
    Signed(Box<SignedTarget>),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discord { webhook, .. } => write!(f, "Discord({webhook})"),
            Self::Signed(to) => write!(f, "Signed({})", shown(&to.url)),
        }
    }
}

/// A system that checks our signature.
pub struct SignedTarget {
    /// Its address.
    pub url: Url,
    /// What signs.
    pub secret: SigningSecret,
    /// What signs too, until then.
    pub previous: Option<(SigningSecret, DateTime<Utc>)>,
}

/// A signing secret that was stored.
///
/// # Errors
/// It does not open, or is none.
pub fn open_secret(
    vault: &Vault,
    id: WebhookId,
    sealed: &str,
) -> Result<SigningSecret, TargetError> {
    let text = vault.unseal(Place::WebhookSecret.of(&id.to_string()), sealed)?;
    Ok(SigningSecret::parse(text.expose_secret())?)
}

/// The webhooks' addresses and secrets, each opened once until it changes.
pub struct Targets {
    store: Store,
    master: Option<Arc<MasterKey>>,
    open: Mutex<HashMap<WebhookId, Opened>>,
}

struct Opened {
    revision: i64,
    target: Arc<Target>,
    used: Instant,
}

/// Nobody has asked for so long: the webhook may be gone.
const FORGET_AFTER: Duration = Duration::from_hours(1);

impl Targets {
    /// Asks nothing of PostgreSQL yet.
    #[must_use]
    pub fn new(store: Store, master: Option<Arc<MasterKey>>) -> Self {
        Self {
            store,
            master,
            open: Mutex::default(),
        }
    }

    /// Where messages go of the webhook that had this revision when it was last looked at.
    ///
    /// # Errors
    /// See [`TargetError`].
    pub async fn of(&self, id: WebhookId, revision: i64) -> Result<Arc<Target>, TargetError> {
        if let Some(target) = self.known(id, revision) {
            return Ok(target);
        }
        let row = self.store.webhook(id).await?;
        let vault = Vault::open(&self.store, self.master.clone()).await?;
        let target = Arc::new(open(&vault, &row)?);
        let opened = Opened {
            revision: row.revision,
            target: Arc::clone(&target),
            used: Instant::now(),
        };
        let mut open = self.open();
        open.retain(|_, it| it.used.elapsed() < FORGET_AFTER);
        open.insert(id, opened);
        Ok(target)
    }

    fn known(&self, id: WebhookId, revision: i64) -> Option<Arc<Target>> {
        let mut open = self.open();
        let known = open.get_mut(&id).filter(|it| it.revision >= revision)?;
        known.used = Instant::now();
        Some(Arc::clone(&known.target))
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<WebhookId, Opened>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(vault: &Vault, row: &WebhookRow) -> Result<Target, TargetError> {
    let id = row.id.to_string();
    let address = vault.unseal(Place::WebhookAddress.of(&id), &row.address)?;
    if row.kind == WebhookKind::Discord.as_str() {
        let webhook = DiscordWebhook::parse(address.expose_secret());
        return Ok(Target::Discord {
            webhook: webhook.map_err(|_shows_it| TargetError::Address)?,
            channel: row.channel_id.clone(),
        });
    }
    // Both are sealed for the same place: the previous one was the secret once.
    let secret = |sealed: &str| open_secret(vault, row.webhook_id(), sealed);
    let url = Url::parse(address.expose_secret());
    let previous = row
        .previous_secret
        .as_deref()
        .zip(row.previous_secret_until);
    Ok(Target::Signed(Box::new(SignedTarget {
        url: url.map_err(|_shows_it| TargetError::Address)?,
        secret: secret(row.secret.as_deref().unwrap_or_default())?,
        previous: match previous.filter(|(_, until)| *until > Utc::now()) {
            Some((sealed, until)) => Some((secret(sealed)?, until)),
            None => None,
        },
    })))
}

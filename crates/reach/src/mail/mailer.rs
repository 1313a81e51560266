//! Takes orders for mail.

use std::sync::Arc;

use common::crypto::master::MasterKey;
use common::crypto::place::Place;
use common::types::caller::Principal;
use common::types::id::MailId;
use common::types::mail::MailAddress;
use outbound::{Mail, NoSite, Site};
use runtime::config::Config;
use secrecy::SecretString;
use store::{MailAsked, MailQueued, NewMail, Store, StoreError};
use url::Url;

use super::text;
use crate::settings::{Settings, SettingsError};
use crate::vault::{Vault, VaultError};

/// What the website is called where no setting says it.
const USUAL_NAME: &str = "NodeByte Hosting";
/// Why a mail is not sent while mail is switched off.
const SWITCHED_OFF: &str = "E-mail notifications are switched off.";

/// A mail to send.
#[derive(Debug, Clone)]
pub struct MailOrder {
    /// What it says.
    pub mail: Mail,
    /// To whom.
    pub to: MailAddress,
    /// Who has it sent.
    pub by: Principal,
    /// The key under which its sender may ask once more.
    pub idempotency_key: Option<String>,
    /// SHA-256 of what was asked for: under one key nothing else may be.
    pub request_digest: [u8; 32],
}

impl MailOrder {
    fn asked(&self) -> MailAsked {
        MailAsked {
            template: self.mail.template(),
            recipient: self.to.clone(),
            created_by: self.by.clone(),
            idempotency_key: self.idempotency_key.clone(),
            request_digest: self.request_digest,
        }
    }
}

/// Why a mail was not queued. Holds nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The settings cannot be read.
    #[error("the settings of mail cannot be read")]
    Settings(#[from] SettingsError),
    /// The mail holds a link, and nothing says where that leads.
    #[error(transparent)]
    NoSite(#[from] NoSite),
    /// The link in it cannot be sealed.
    #[error("the mail cannot be sealed")]
    Vault(#[from] VaultError),
    /// PostgreSQL could not be asked.
    #[error("the mail cannot be stored")]
    Store(#[from] StoreError),
}

/// Takes orders for mail.
pub struct Mailer {
    store: Store,
    settings: Arc<Settings>,
    master: Option<Arc<MasterKey>>,
    usual_from: String,
}

impl Mailer {
    /// Asks nothing of PostgreSQL yet.
    ///
    /// # Errors
    /// [`SettingsError::MasterKey`].
    pub fn new(
        store: Store,
        settings: Arc<Settings>,
        config: &Config,
    ) -> Result<Self, SettingsError> {
        let master = config.security.master_key();
        Ok(Self {
            store,
            settings,
            master: master.map_err(SettingsError::MasterKey)?.map(Arc::new),
            usual_from: config.mail.from.clone(),
        })
    }

    /// Renders a mail, once and for all, and keeps it until it is handed over; with the link
    /// in it sealed. Whether it is admitted is asked only if there would be a mail.
    ///
    /// # Errors
    /// See [`MailError`]. Within: why it is not admitted.
    pub async fn queue<E: Send>(
        &self,
        order: &MailOrder,
        admission: impl Future<Output = Result<(), E>> + Send,
    ) -> Result<Result<MailQueued, E>, MailError> {
        let overrides = self.settings.overrides().await?;
        let site = Site {
            name: text(&overrides, "site_name")?.unwrap_or_else(|| USUAL_NAME.to_owned()),
            url: text(&overrides, "site_url")?.and_then(|url| website(&url)),
            from: text(&overrides, "email_from")?.unwrap_or_else(|| self.usual_from.clone()),
        };
        let switched = text(&overrides, "email_notifications_enabled")?;
        let is_off = switched.is_some_and(|it| matches!(it.as_str(), "false" | "0" | "no"));
        let id = MailId::new();
        let email = order.mail.render(&site, order.to.as_str())?;
        let (subject, mut body) = (email.subject.clone(), email.json());
        let link_lives = order.mail.link_lives();
        if link_lives.is_some() {
            let vault = Vault::open_to_seal(&self.store, self.master.clone()).await?;
            body = vault.seal(
                Place::MailBody.of(&id.to_string()),
                &SecretString::from(body),
            )?;
        }
        let new = NewMail {
            id,
            asked: order.asked(),
            subject,
            body,
            link_lives,
            withheld: (is_off && link_lives.is_none()).then_some(SWITCHED_OFF),
        };
        Ok(self.store.mail_queue(&new, admission).await?)
    }
}

/// A website's address, if it is one.
fn website(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

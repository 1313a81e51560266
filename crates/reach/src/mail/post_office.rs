//! Where mail is handed over.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use bytes::Bytes;
use chrono::Utc;
use common::crypto::master::MasterKey;
use common::crypto::place::Place;
use outbound::{Answer, ClientError, Resend, Verdict, mail::eml};
use runtime::config::{Config, MailTransport};
use runtime::http::client_key::fingerprint;
use secrecy::{ExposeSecret, SecretString};
use store::{HeldMail, Store};
use url::Url;

use crate::settings::{Settings, SettingsError};
use crate::vault::{Vault, VaultError};

/// Why no mail can be handed over.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The settings cannot be read.
    #[error("the settings of mail cannot be read")]
    Settings(#[from] SettingsError),
    /// There is no client for Resend.
    #[error("there is no client for Resend")]
    Client(#[from] ClientError),
    /// Resend's address is none.
    #[error("mail.resend_url is no address")]
    Address(#[from] url::ParseError),
}

/// Where mail is handed over now.
#[derive(Clone)]
pub enum Counter {
    /// Resend, with the key that is in force.
    Resend {
        /// Asks it.
        client: Resend,
        /// A digest of the key.
        key: String,
    },
    /// A directory of a developer's.
    Directory(PathBuf),
}

/// Not the key.
impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counter")
    }
}

/// Opens mail and hands it over.
pub struct PostOffice {
    store: Store,
    settings: Settings,
    config: Arc<Config>,
    master: Option<Arc<MasterKey>>,
    base: Url,
    timeout: Duration,
    /// The client of the key that was in force last.
    known: Mutex<Option<(SecretString, Counter)>>,
}

impl PostOffice {
    /// Asks nobody yet.
    ///
    /// # Errors
    /// `ENCRYPTION_KEY` or Resend's address is none.
    pub fn new(store: Store, config: &Arc<Config>) -> Result<Self, PostError> {
        let master = config.security.master_key();
        Ok(Self {
            settings: Settings::new(store.clone(), Arc::clone(config))?,
            store,
            master: master.map_err(SettingsError::MasterKey)?.map(Arc::new),
            base: config.mail.resend_url.parse()?,
            timeout: config.notifications.request_timeout,
            config: Arc::clone(config),
            known: Mutex::default(),
        })
    }

    /// Where mail is handed over now; `None` while there is no key.
    ///
    /// # Errors
    /// See [`PostError`].
    pub async fn counter(&self) -> Result<Option<Counter>, PostError> {
        let mail = &self.config.mail;
        if mail.transport == MailTransport::File {
            let directory = mail.directory.as_deref().map(PathBuf::from);
            return Ok(directory.map(Counter::Directory));
        }
        let overrides = self.settings.overrides().await?;
        let stored = overrides.get("resend_api_key")?;
        let Some(key) = stored.or(mail.resend_api_key.as_ref()) else {
            return Ok(None);
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, counter)) = &*known
            && of.expose_secret() == key.expose_secret()
        {
            return Ok(Some(counter.clone()));
        }
        let counter = Counter::Resend {
            client: Resend::new(self.base.clone(), key.clone(), self.timeout)?,
            key: fingerprint(key.expose_secret().as_bytes()),
        };
        *known = Some((key.clone(), counter.clone()));
        Ok(Some(counter))
    }

    /// What Resend gets of a mail.
    ///
    /// # Errors
    /// It is sealed and does not open.
    pub async fn open(&self, mail: &HeldMail) -> Result<Bytes, VaultError> {
        if !mail.holds_link {
            return Ok(Bytes::from(mail.body.clone()));
        }
        let vault = Vault::open(&self.store, self.master.clone()).await?;
        let body = vault.unseal(Place::MailBody.of(&mail.id.to_string()), &mail.body)?;
        Ok(Bytes::copy_from_slice(body.expose_secret().as_bytes()))
    }
}

impl Counter {
    /// A digest of the key that mail is handed over with.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Resend { key, .. } => key,
            Self::Directory(_) => "",
        }
    }

    /// Hands a mail over, once.
    pub async fn hand_over(&self, id: &str, body: Bytes) -> Answer {
        match self {
            Self::Resend { client, .. } => client.send(id, body).await,
            Self::Directory(directory) => {
                let began = Instant::now();
                let written = write(directory, id, &body).await;
                let (verdict, excerpt) = match written {
                    Ok(()) => (Verdict::Delivered, String::new()),
                    Err(error) => (
                        Verdict::Failed { retry_after: None },
                        format!("the file cannot be written: {}", error.kind()),
                    ),
                };
                Answer {
                    verdict,
                    status: None,
                    excerpt,
                    took: began.elapsed(),
                    message_id: None,
                    rate: None,
                }
            }
        }
    }
}

async fn write(directory: &Path, id: &str, body: &[u8]) -> io::Result<()> {
    let file = eml(body, id, Utc::now()).ok_or(io::ErrorKind::InvalidData)?;
    tokio::fs::create_dir_all(directory).await?;
    // Whoever watches the directory sees whole files only.
    let unfinished = directory.join(format!(".{id}"));
    tokio::fs::write(&unfinished, file).await?;
    tokio::fs::rename(unfinished, directory.join(format!("{id}.eml"))).await
}

//! Whether panels and database answer: what the settings page shows, and what an
//! administrator tries out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::types::setting::WebOrigin;
use ipnet::IpNet;
use panels::{CfAccess, PanelKind, Probe, Reach};
use paperclip::actix::Apiv2Schema;
use reach::settings::{Overrides, SettingsError};
use runtime::config::Config;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use store::Store;
use tokio::sync::Mutex;
use tokio::time::timeout;
use url::Url;

/// How long the page waits for each answer.
const BRIEFLY: Duration = Duration::from_secs(3);
/// How long somebody waits who tries out an address.
const PATIENTLY: Duration = Duration::from_secs(10);
/// How long the page shows what it was told.
const FRESH: Duration = Duration::from_secs(5);

/// Whether something answers.
#[derive(Debug, Clone, Default, Serialize, Apiv2Schema)]
pub struct Status {
    /// Whether it does.
    pub success: bool,
    /// The same, under the name that the website reads.
    pub connected: bool,
    /// Milliseconds that the answer took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<u64>,
    /// What it says that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why there is no connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What the settings page shows.
#[derive(Debug)]
pub struct Statuses {
    /// The panel `default`.
    pub pterodactyl: Status,
    /// VirtFusion.
    pub virtfusion: Status,
    /// PostgreSQL.
    pub database: Status,
}

/// A connection to try.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The address; without one that which counts.
    pub url: Option<String>,
    /// The key; without one that which counts, if it was given for this address's origin.
    pub key: Option<SecretString>,
}

/// What was found out a moment ago, and of which settings.
type Remembered = Option<(Instant, String, Arc<Statuses>)>;

/// Asks panels and database.
pub struct Connections {
    store: Store,
    allowed: Vec<IpNet>,
    remembered: Mutex<Remembered>,
}

impl Connections {
    pub(crate) fn new(store: &Store, config: &Config) -> Self {
        Self {
            store: store.clone(),
            allowed: config.outbound.allowed_networks.clone(),
            remembered: Mutex::default(),
        }
    }

    /// How all stand with these settings, at most a few seconds old. Whoever asks meanwhile
    /// waits for the same answer.
    pub async fn statuses(&self, settings: &Overrides) -> Arc<Statuses> {
        let mut remembered = self.remembered.lock().await;
        if let Some((at, version, statuses)) = &*remembered
            && at.elapsed() < FRESH
            && version == settings.version()
        {
            return Arc::clone(statuses);
        }
        let (pterodactyl, virtfusion, database) = tokio::join!(
            self.panel(PanelKind::Pterodactyl, Wanted::default(), settings, BRIEFLY),
            self.panel(PanelKind::Virtfusion, Wanted::default(), settings, BRIEFLY),
            self.database_within(BRIEFLY),
        );
        let statuses = Arc::new(Statuses {
            pterodactyl,
            virtfusion,
            database,
        });
        let version = settings.version().to_owned();
        *remembered = Some((Instant::now(), version, Arc::clone(&statuses)));
        statuses
    }

    /// Whether a panel answers there, with that key.
    pub async fn try_panel(&self, kind: PanelKind, wanted: Wanted, settings: &Overrides) -> Status {
        self.panel(kind, wanted, settings, PATIENTLY).await
    }

    /// Whether PostgreSQL answers.
    pub async fn database(&self) -> Status {
        self.database_within(PATIENTLY).await
    }

    async fn database_within(&self, patience: Duration) -> Status {
        let began = Instant::now();
        match timeout(patience, self.store.server_version()).await {
            Ok(Ok(version)) => Status {
                version: Some(version),
                ..connected(began.elapsed())
            },
            Ok(Err(_error)) => failed("The database cannot be asked"),
            Err(_elapsed) => failed("The database did not answer in time"),
        }
    }

    async fn panel(
        &self,
        kind: PanelKind,
        wanted: Wanted,
        settings: &Overrides,
        patience: Duration,
    ) -> Status {
        let names = Names::of(kind);
        let probe = match names.probe(kind, wanted, settings, patience) {
            Ok(probe) => probe,
            Err(why) => return failed(why),
        };
        let origin = WebOrigin::of(probe.url.as_str());
        let is_operators = origin.is_some() && origin == settings.configured_origin(names.url);
        let reach = if is_operators {
            Reach::Anywhere
        } else {
            Reach::Public(&self.allowed)
        };
        match probe.run(reach).await {
            Ok(latency) => connected(latency),
            Err(error) => failed(sentence(&error.to_string())),
        }
    }
}

/// The settings that say how a panel is reached.
struct Names {
    url: &'static str,
    key: &'static str,
    cf_access: Option<(&'static str, &'static str)>,
}

impl Names {
    fn of(kind: PanelKind) -> Self {
        match kind {
            PanelKind::Pterodactyl => Self {
                url: "pterodactyl_url",
                key: "pterodactyl_api_key",
                cf_access: Some(("cf_access_client_id", "cf_access_client_secret")),
            },
            PanelKind::Virtfusion => Self {
                url: "virtfusion_url",
                key: "virtfusion_api_key",
                cf_access: None,
            },
        }
    }

    /// What is asked, or why nothing is. A stored or configured secret goes to the origin
    /// that it was given for alone.
    fn probe(
        &self,
        kind: PanelKind,
        wanted: Wanted,
        settings: &Overrides,
        patience: Duration,
    ) -> Result<Probe, &'static str> {
        let value = |key| counts(settings, key);
        let url = match wanted.url {
            Some(url) => url,
            None => value(self.url)?
                .map(|url| url.expose_secret().to_owned())
                .ok_or("No address is configured")?,
        };
        let url: Url = url.parse().map_err(|_wrong| "The address is none")?;
        let is_home = WebOrigin::of(url.as_str()) == settings.origin(self.url);
        let key = match wanted.key {
            Some(key) => key,
            None if is_home => value(self.key)?.cloned().ok_or("No key is configured")?,
            None => return Err("The key is needed: the stored one belongs to another address"),
        };
        let cf_access = match self.cf_access.filter(|_| is_home) {
            Some((id, secret)) => value(id)?.cloned().zip(value(secret)?.cloned()),
            None => None,
        };
        Ok(Probe {
            kind,
            url,
            key,
            cf_access: cf_access.map(|(id, secret)| CfAccess { id, secret }),
            patience,
        })
    }
}

fn counts<'a>(
    settings: &'a Overrides,
    key: &str,
) -> Result<Option<&'a SecretString>, &'static str> {
    let value = settings.of_key(key);
    value.map_err(|_does_not_open: SettingsError| "A stored secret cannot be opened")
}

fn connected(latency: Duration) -> Status {
    Status {
        success: true,
        connected: true,
        latency: Some(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
        ..Status::default()
    }
}

/// Not connected, for this reason.
pub fn failed(why: impl Into<String>) -> Status {
    Status {
        error: Some(why.into()),
        ..Status::default()
    }
}

/// With a capital, as all that callers read.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::{Connections, PATIENTLY};
    use std::time::Duration;
    use store::Store;
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    /// No request comes this far while PostgreSQL is silent: it would wait for its caller's
    /// own rows. It may fall silent in between.
    #[tokio::test(start_paused = true)]
    async fn a_database_that_takes_connections_and_says_nothing_is_told_as_that_in_time() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        let store = Store::connect(&store::Settings {
            url: format!("postgres://nobody@127.0.0.1:{port}/none").into(),
            pool_size: 1,
            connect_timeout: Duration::from_secs(3600),
            statement_timeout: Duration::from_secs(3600),
            application_name: "test",
        });
        let connections = Connections {
            store: store.unwrap(),
            allowed: Vec::new(),
            remembered: Default::default(),
        };
        let began = Instant::now();
        let status = connections.database().await;
        assert_eq!(began.elapsed().as_secs(), PATIENTLY.as_secs());
        assert!(!status.success && !status.connected, "{status:?}");
        let said = status.error.unwrap_or_default();
        assert_eq!(said, "The database did not answer in time");
    }
}

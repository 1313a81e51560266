//! What handlers share.

use std::sync::Arc;
use std::time::Duration;

use cache::{Cache, Progress, RateLimiter};
use hytale::custody::Custody;
use reach::DiscordBudget;
use reach::mail::Mailer;
use reach::settings::{DEFAULT_PANEL, Settings, SettingsError};
use reach::webhooks::{Messenger, Targets};
use runtime::config::Config;
use slog::{Logger, debug};
use store::{PanelRow, RunRow, Store};
use tokio::sync::Semaphore;

use crate::auth::{ApiKeys, Bearers, CredentialEpoch, SigningKeys};
use crate::connections::Connections;
use crate::http::sync_log::SyncLog;
use crate::limits::{Granted, Limits};
use crate::live_panels::LivePanels;
use crate::refusals::Refusals;
use crate::run_feed::RunFeed;

/// What handlers share.
pub struct State {
    /// PostgreSQL.
    pub store: Store,
    /// The configuration.
    pub config: Arc<Config>,
    /// The newest state of watched runs.
    pub runs: RunFeed,
    /// Panels for live use.
    pub panels: LivePanels,
    /// Hytale accounts.
    pub custody: Custody,
    /// Keys of clients.
    pub keys: ApiKeys,
    /// Tokens of users.
    pub bearers: Bearers,
    /// What verifies our own tokens.
    pub signing_keys: Arc<SigningKeys>,
    /// How often callers may ask.
    pub limits: Limits,
    /// What callers were refused, for the audit trail.
    pub refusals: Refusals,
    /// Where webhooks are.
    pub targets: Targets,
    /// How much Discord takes.
    pub discord: DiscordBudget,
    /// What sends to webhooks.
    pub messenger: Messenger,
    /// Takes orders for mail.
    pub mailer: Mailer,
    /// One permit for each event stream.
    pub streams: Arc<Semaphore>,
    /// The settings in effect.
    pub settings: Arc<Settings>,
    /// Whether panels and database answer.
    pub connections: Connections,
    cache: Cache,
    log: Logger,
}

impl State {
    pub(crate) fn new(
        config: &Arc<Config>,
        store: Store,
        cache: Cache,
        custody: Custody,
        messenger: Messenger,
        log: &Logger,
    ) -> Result<Self, SettingsError> {
        let settings = Arc::new(Settings::new(store.clone(), Arc::clone(config))?);
        let epoch = CredentialEpoch::start(&store, log);
        let signing_keys = Arc::new(SigningKeys::new(&store, &epoch, log));
        let bearers = Bearers::new(
            &store,
            &signing_keys,
            &epoch,
            config.security.realm(),
            config.security.jwt_secret.clone(),
        );
        let refusals = Refusals::start(
            store.clone(),
            custody.environment(),
            config.hytale.audit_sum,
            log,
        );
        let panels = LivePanels::new(config, Arc::clone(&settings), &store, &cache, log);
        Ok(Self {
            runs: RunFeed::start(store.clone(), &cache, log),
            panels,
            custody,
            keys: ApiKeys::new(&store, &epoch, log),
            bearers,
            signing_keys,
            limits: Limits::new(
                RateLimiter::new(
                    cache.clone(),
                    config.limits.gateways,
                    Duration::from_millis(config.limits.decision_milliseconds),
                    log,
                ),
                config.limits.clone(),
                Granted::start(store.clone(), log),
            ),
            refusals,
            targets: settings.targets(),
            discord: DiscordBudget::new(cache.clone(), config, log),
            messenger,
            mailer: Mailer::new(store.clone(), Arc::clone(&settings), config)?,
            streams: Arc::new(Semaphore::new(config.http.event_streams)),
            connections: Connections::new(&store, config),
            config: Arc::clone(config),
            store,
            settings,
            cache,
            log: log.clone(),
        })
    }

    /// The panel of this name, or the default one, which its first use makes known
    /// to the database: so the gateway can start before PostgreSQL.
    pub(crate) async fn panel(&self, name: Option<&str>) -> Result<PanelRow, SettingsError> {
        let name = name.unwrap_or(DEFAULT_PANEL);
        if name == DEFAULT_PANEL {
            match self.settings.default_panel().await {
                // It may also have been added by name.
                Err(SettingsError::NoDefaultPanel) => {}
                known => return known,
            }
        }
        self.store
            .panel_by_name(name)
            .await
            .map_err(SettingsError::Store)
    }

    /// Tells listeners, here and in other processes, what has become of a run.
    /// Who does not hear it reads it.
    pub(crate) async fn tell(&self, run: &RunRow) {
        self.runs.offer(run);
        let Ok(state) = SyncLog::of(run).map(|log| serde_json::json!(log).to_string()) else {
            return;
        };
        let progress = Progress {
            run_id: run.run_id(),
            revision: run.revision,
            state,
        };
        if let Err(error) = self.cache.publish_progress(&progress).await {
            debug!(self.log, "progress not published"; "error" => %error);
        }
    }
}

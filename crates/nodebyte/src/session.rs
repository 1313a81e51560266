//! What commands work with: configuration, database, settings, broker.

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output::Output;
use broker::Broker;
use common::crypto::master::MasterKey;
use common::types::caller::Actor;
use reach::settings::{DEFAULT_PANEL, Settings, SettingsError};
use runtime::config::{Config, Sources};
use secrecy::SecretString;
use slog::{Drain, Logger, o};
use std::io::{self, IsTerminal, Read};
use std::sync::Arc;
use std::time::Duration;
use store::{PanelRow, Store, StoreError};

/// How long RabbitMQ may take to answer.
const BROKER_PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any statement that a command makes ought to take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// One call of the command line.
pub struct Session<'a> {
    pub config: Arc<Config>,
    pub store: Store,
    pub settings: Settings,
    pub output: &'a Output,
    pub log: Logger,
}

impl<'a> Session<'a> {
    /// Reads the configuration; connects to nothing yet.
    pub fn open(arguments: &Arguments, output: &'a Output) -> Result<Self, Failure> {
        let sources = Sources::of_process(arguments.config.clone());
        let config = Arc::new(Config::load(&sources).map_err(Failure::Config)?);
        let store = Store::connect(&store::Settings {
            url: config.database.url.clone(),
            pool_size: 2,
            connect_timeout: config.database.acquire,
            statement_timeout: STATEMENT_TIMEOUT,
            application_name: "nodebyte",
        })?;
        let settings = Settings::new(store.clone(), Arc::clone(&config))?;
        Ok(Self {
            config,
            store,
            settings,
            output,
            log: logger(arguments.verbose),
        })
    }

    /// A connected broker that knows every queue.
    pub async fn broker(&self) -> Result<Broker, Failure> {
        let mut settings = broker::Settings::new(self.config.amqp.url.clone(), "nodebyte");
        settings.prefix.clone_from(&self.config.amqp.prefix);
        let broker = Broker::start(settings, relay::queues::all(), &self.log);
        if broker.wait_connected(BROKER_PATIENCE).await {
            return Ok(broker);
        }
        broker.close().await;
        Err(Failure::NoBroker)
    }

    /// The panel of that name; `default` is made from the configuration if need be.
    pub async fn panel(&self, name: &str) -> Result<PanelRow, Failure> {
        if name == DEFAULT_PANEL {
            return match self.settings.default_panel().await {
                Err(missing @ SettingsError::NoDefaultPanel) => self
                    .store
                    .panel_by_name(name)
                    .await
                    .map_err(|error| match error {
                        StoreError::NotFound(_) => missing.into(),
                        error => error.into(),
                    }),
                found => Ok(found?),
            };
        }
        self.store
            .panel_by_name(name)
            .await
            .map_err(|error| match error {
                StoreError::NotFound(what) => Failure::NotFound {
                    what,
                    name: name.to_owned(),
                },
                error => error.into(),
            })
    }

    /// The key that protects stored secrets, if there is one.
    pub fn master_key(&self) -> Result<Option<Arc<MasterKey>>, Failure> {
        let key = self.config.security.master_key();
        Ok(key.map_err(SettingsError::MasterKey)?.map(Arc::new))
    }

    /// Everything on standard input: where values come from that others must not
    /// see, since arguments can be read by every user of the machine.
    pub fn input(&self) -> Result<SecretString, Failure> {
        if io::stdin().is_terminal() {
            self.output
                .note("Reading standard input; end with Ctrl-D on a line of its own.");
        }
        let mut text = String::new();
        io::stdin()
            .read_to_string(&mut text)
            .map_err(Failure::Input)?;
        Ok(text.into())
    }
}

/// Who asks, for the trail of administration.
pub fn actor() -> Actor {
    Actor::Operator(operator())
}

/// Who asks, for the run's log.
pub fn operator() -> String {
    match std::env::var("USER") {
        Ok(user) if !user.is_empty() => format!("cli:{user}"),
        _ => "cli".to_owned(),
    }
}

fn logger(verbose: bool) -> Logger {
    if !verbose {
        return Logger::root(slog::Discard, o!());
    }
    let lines = slog_term::PlainSyncDecorator::new(io::stderr());
    Logger::root(slog_term::FullFormat::new(lines).build().fuse(), o!())
}

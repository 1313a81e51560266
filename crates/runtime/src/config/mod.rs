//! Typed configuration.
//!
//! Three layers, each above the one before: the embedded `default.toml`, which
//! is also the documentation; an optional file; environment variables. The
//! registry in [`keys`] says what each key takes. Everything wrong is reported
//! at once.

mod document;
mod error;
mod form;
pub mod keys;
pub mod kind;
mod load;
mod mail;
mod sections;
mod security;

pub use document::reference;
pub use error::{ConfigError, ConfigErrors};
pub use load::Sources;
pub use mail::{MailConfig, MailTransport};
pub use sections::{
    AmqpConfig, AutoSyncConfig, DatabaseConfig, Environment, HttpConfig, HytaleConfig,
    LimitsConfig, LogConfig, LogFormat, LogLevel, NotificationsConfig, OutboundConfig, PanelConfig,
    RedisConfig, SentryConfig, SyncConfig, VirtfusionConfig,
};
pub use security::SecurityConfig;

use serde::{Deserialize, Serialize};

/// The embedded defaults, commented.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Everything that can be set. Can be printed: secrets show as `(set)`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Config {
    /// Production or development.
    pub environment: Environment,
    /// Section `log`.
    pub log: LogConfig,
    /// Section `http`.
    pub http: HttpConfig,
    /// Section `database`.
    pub database: DatabaseConfig,
    /// Section `redis`.
    pub redis: RedisConfig,
    /// Section `amqp`.
    pub amqp: AmqpConfig,
    /// Section `security`.
    pub security: SecurityConfig,
    /// Section `panel`.
    pub panel: PanelConfig,
    /// Section `virtfusion`.
    pub virtfusion: VirtfusionConfig,
    /// Section `sync`.
    pub sync: SyncConfig,
    /// Section `auto_sync`.
    pub auto_sync: AutoSyncConfig,
    /// Section `mail`.
    pub mail: MailConfig,
    /// Section `hytale`.
    pub hytale: HytaleConfig,
    /// Section `limits`.
    pub limits: LimitsConfig,
    /// Section `outbound`.
    pub outbound: OutboundConfig,
    /// Section `notifications`.
    pub notifications: NotificationsConfig,
    /// Section `sentry`.
    pub sentry: SentryConfig,
}

impl AsRef<Self> for Config {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Config {
    /// Reads and checks the layers.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key and the reason.
    pub fn load(sources: &Sources) -> Result<Self, ConfigErrors> {
        load::load(sources)
    }

    /// Every key with its value, one a line, as `key = value`; secrets as
    /// `(set)` or `(not set)`.
    #[must_use]
    pub fn redacted(&self) -> String {
        document::redacted(self)
    }
}

//! The typed configuration. What a field means, its default and its environment
//! variable stand in `default.toml` and `docs/CONFIGURATION.md`.

use std::net::IpAddr;
use std::time::Duration;

use common::types::hytale::HytaleEnvironment;
use ipnet::IpNet;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::form::{addresses, networks, optional, optional_secret, periods, seconds, secret};

/// Where the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// On a developer's machine: forgiving, but it says so.
    Development,
    /// For real: refuses to start half configured.
    Production,
}

impl Environment {
    /// The word used in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// JSON in production, otherwise terminal.
    Auto,
    /// One JSON object a line, on stdout.
    Json,
    /// For people, on stderr.
    Terminal,
}

/// A log level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Every step; left out of release builds.
    Trace,
    /// What a developer wants to know.
    Debug,
    /// What an operator wants to know.
    Info,
    /// Something to look at.
    Warning,
    /// Something failed.
    Error,
    /// The process cannot go on.
    Critical,
}

/// Section `log`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogConfig {
    /// Lowest level of our own lines.
    pub level: LogLevel,
    /// Lowest level of libraries' lines.
    pub library_level: LogLevel,
    /// How lines are written.
    pub format: LogFormat,
}

/// Section `http`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HttpConfig {
    /// Address to listen on.
    pub bind: IpAddr,
    /// The gateway's port.
    pub port: u16,
    /// Port for health and metrics of the other services.
    pub ops_port: u16,
    /// The gateway's serving threads.
    pub workers: usize,
    /// Time that work in hand gets after SIGTERM.
    #[serde(rename = "shutdown_seconds", with = "seconds")]
    pub shutdown: Duration,
    /// Event streams that the gateway serves at once.
    pub event_streams: usize,
    /// Origins that browsers may call from.
    #[serde(with = "addresses")]
    pub cors_origins: Vec<String>,
    /// Proxies that are believed about who asked them.
    #[serde(with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
}

/// Section `database`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatabaseConfig {
    /// PostgreSQL, with its password.
    #[serde(with = "secret")]
    pub url: SecretString,
    /// Connections at most.
    pub pool_size: usize,
    /// Time to wait for a free connection.
    #[serde(rename = "acquire_seconds", with = "seconds")]
    pub acquire: Duration,
    /// Time that a single statement may take.
    #[serde(rename = "statement_seconds", with = "seconds")]
    pub statement: Duration,
}

/// Section `redis`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RedisConfig {
    /// Always `redis://…` or `rediss://…`, however it was written.
    #[serde(with = "secret")]
    pub url: SecretString,
    /// Stands before every key.
    pub prefix: String,
}

/// Section `amqp`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AmqpConfig {
    /// RabbitMQ, with its password.
    #[serde(with = "secret")]
    pub url: SecretString,
    /// Stands before every exchange and queue.
    pub prefix: String,
}

/// Section `panel`: the panel `default` and how every panel is treated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PanelConfig {
    /// Address of the panel `default`.
    #[serde(with = "optional")]
    pub url: Option<String>,
    /// Its Application API key.
    #[serde(with = "optional_secret")]
    pub api_key: Option<SecretString>,
    /// Its Client API key.
    #[serde(with = "optional_secret")]
    pub client_api_key: Option<SecretString>,
    /// Its Cloudflare Access token …
    #[serde(with = "optional")]
    pub cf_access_client_id: Option<String>,
    /// … and that token's secret.
    #[serde(with = "optional_secret")]
    pub cf_access_client_secret: Option<SecretString>,
    /// Time that one request may take.
    #[serde(rename = "request_timeout_seconds", with = "seconds")]
    pub request_timeout: Duration,
    /// Rows a page.
    pub page_size: u32,
    /// Rows a page of a node's allocations.
    pub allocation_page_size: u32,
    /// Requests under way at once, over all workers.
    pub concurrency: u32,
    /// First guess at the Application API's limit.
    pub application_limit_per_minute: u32,
    /// First guess at the Client API's limit.
    pub client_limit_per_minute: u32,
}

/// Section `virtfusion`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VirtfusionConfig {
    /// Address of the panel.
    #[serde(with = "optional")]
    pub url: Option<String>,
    /// Its API key.
    #[serde(with = "optional_secret")]
    pub api_key: Option<SecretString>,
}

/// Section `sync`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncConfig {
    /// How long a task belongs to a worker after its last heartbeat.
    #[serde(rename = "lease_seconds", with = "seconds")]
    pub lease: Duration,
    /// Between two heartbeats.
    #[serde(rename = "heartbeat_seconds", with = "seconds")]
    pub heartbeat: Duration,
    /// Between two looks for open tasks.
    #[serde(rename = "poll_seconds", with = "seconds")]
    pub poll: Duration,
    /// Without progress for this long a run fails.
    #[serde(rename = "stall_seconds", with = "seconds")]
    pub stall: Duration,
    /// A task that cost this many workers fails.
    pub max_lost_leases: u32,
    /// Removals above this share of the live rows are held …
    pub hold_share: f64,
    /// … when they are also more than this many …
    pub hold_rows: u32,
    /// … within these hours.
    pub hold_window_hours: u32,
    /// Up to this many missing rows are asked for one by one.
    pub second_look_rows: u32,
    /// Days that runs are kept.
    pub run_retention_days: u32,
    /// Days that removed rows are kept.
    pub removed_retention_days: u32,
    /// Days that outbox and inbox rows are kept.
    pub message_retention_days: u32,
    /// Minutes between two cleanups.
    pub cleanup_interval_minutes: u32,
    /// Writes of progress a second, at most.
    pub progress_per_second: u32,
    /// Accepted, not used.
    pub batch_size: u32,
    /// Accepted, not used.
    pub subusers_enabled: bool,
    /// Accepted, not used.
    pub subusers_batch_size: u32,
}

/// Section `auto_sync`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AutoSyncConfig {
    /// Whether full syncs are started by the clock.
    pub enabled: bool,
    /// Between two of them.
    #[serde(with = "seconds")]
    pub interval: Duration,
}

/// Section `hytale`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HytaleConfig {
    /// `production` or `staging`.
    pub environment: String,
    /// Older way to say `staging`; [`HytaleConfig::is_staging`] joins the two.
    pub use_staging: bool,
    /// OAuth, where it is not the environment's own.
    #[serde(with = "optional")]
    pub oauth_url: Option<String>,
    /// Account data, likewise.
    #[serde(with = "optional")]
    pub account_data_url: Option<String>,
    /// Game sessions, likewise.
    #[serde(with = "optional")]
    pub sessions_url: Option<String>,
    /// `iss` of session tokens, likewise.
    #[serde(with = "optional")]
    pub session_issuer: Option<String>,
    /// Whether a login fails whose `id_token` names another subject than its account.
    pub match_subject: bool,
    /// Time that one request may take.
    #[serde(rename = "request_timeout_seconds", with = "seconds")]
    pub request_timeout: Duration,
    /// Between two rounds of upkeep.
    #[serde(rename = "upkeep_seconds", with = "seconds")]
    pub upkeep: Duration,
    /// Requests that upkeep makes at once.
    pub upkeep_concurrency: usize,
    /// Sessions that Hytale allows an account; 0: any number.
    pub session_limit: u32,
    /// From this share of them on an event warns.
    pub session_warning_share: f64,
    /// Days that lines of the audit trail are kept.
    pub audit_retention_days: u32,
    /// Over how long the refusals of one source are summed into one line of the trail.
    #[serde(rename = "audit_sum_seconds", with = "seconds")]
    pub audit_sum: Duration,
    /// Days that lines of game servers are kept.
    pub server_logs_retention_days: u32,
}

impl HytaleConfig {
    /// Whether Hytale's staging services are spoken to.
    #[must_use]
    pub fn is_staging(&self) -> bool {
        self.use_staging || self.environment == "staging"
    }

    /// Which of Hytale's worlds is spoken to.
    #[must_use]
    pub fn world(&self) -> HytaleEnvironment {
        if self.is_staging() {
            HytaleEnvironment::Staging
        } else {
            HytaleEnvironment::Production
        }
    }
}

/// Section `limits`: requests that the gateway takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LimitsConfig {
    /// Requests with one client's keys in a minute.
    pub key: u32,
    /// Requests with one user's bearer tokens in a minute.
    pub bearer: u32,
    /// Requests of one address without good credentials in a minute.
    pub address: u32,
    /// Credentials that one address tries in 15 minutes and that are not good.
    pub failed_credentials: u32,
    /// Logins that one principal begins in 15 minutes.
    pub device_code: u32,
    /// Logins that one address begins without credentials in 15 minutes.
    pub device_code_by_address: u32,
    /// Logins without credentials that may be open at once, of all addresses.
    pub open_logins_of_strangers: u32,
    /// Polls of one login faster than its interval, in 5 minutes.
    pub fast_polls: u32,
    /// Refresh tokens of one account spent on request in an hour.
    pub refresh_token: u32,
    /// Requests for profiles and game sessions of one account in an hour.
    pub game_session: u32,
    /// Mails that one principal has sent in an hour.
    pub mails: u32,
    /// Mails to one address in an hour.
    pub mails_to_recipient: u32,
    /// Gateways that share a limit while Redis is away.
    pub gateways: u32,
    /// Milliseconds that Redis has for a decision.
    pub decision_milliseconds: u64,
}

/// Section `outbound`: where addresses that others give may lead.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutboundConfig {
    /// Networks besides the public ones.
    #[serde(with = "networks")]
    pub allowed_networks: Vec<IpNet>,
}

/// Section `notifications`: how webhooks are told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NotificationsConfig {
    /// Requests that one notifier makes at once.
    pub concurrency: usize,
    /// Time that one of them may take.
    #[serde(rename = "request_timeout_seconds", with = "seconds")]
    pub request_timeout: Duration,
    /// Notifiers that share Discord's limits while Redis is away.
    pub notifiers: u32,
    /// Pauses before further attempts.
    #[serde(rename = "retry_seconds", with = "periods")]
    pub retries: Vec<Duration>,
    /// Days of nothing but failures after which a webhook is disabled.
    pub disable_days: u32,
    /// Days that deliveries are kept.
    pub retention_days: u32,
    /// Discord's API.
    pub discord_url: String,
}

/// Section `sentry`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SentryConfig {
    /// Where errors go; `None` reports nothing.
    #[serde(with = "optional_secret")]
    pub dsn: Option<SecretString>,
    /// Share that is traced.
    pub traces_sample_rate: f32,
}

//! The registry of keys: where each stands, what it takes, and which environment
//! variables set it. What a key means stands beside its default, in
//! `default.toml`.

use super::kind::Kind;

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its place, for example `sync.lease_seconds`.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Environment variables where they are not simply the path in capitals; the
    /// first that is set counts.
    names: &'static [&'static str],
}

impl Key {
    /// The environment variables that set this key; the first that is set counts.
    #[must_use]
    pub fn environment(&self) -> Vec<String> {
        if self.names.is_empty() {
            vec![self.path.replace('.', "_").to_ascii_uppercase()]
        } else {
            self.names.iter().map(|&name| name.to_owned()).collect()
        }
    }
}

const fn key(path: &'static str, kind: Kind) -> Key {
    Key {
        path,
        kind,
        names: &[],
    }
}

const fn named(path: &'static str, kind: Kind, names: &'static [&'static str]) -> Key {
    Key { path, kind, names }
}

const WEB: Kind = Kind::Url(&["http", "https"]);
const LEVEL: Kind = Kind::Choice(&["trace", "debug", "info", "warning", "error", "critical"]);
const AT_LEAST_ONE: Kind = Kind::Integer(1, u32::MAX as u64);
const PORT: Kind = Kind::Integer(0, 65_535);

/// Every key, in the order of the documentation.
pub const KEYS: &[Key] = &[
    named(
        "environment",
        Kind::Choice(&["development", "production"]),
        &["ENV"],
    ),
    key("log.level", LEVEL),
    key("log.library_level", LEVEL),
    key("log.format", Kind::Choice(&["auto", "json", "terminal"])),
    key("http.bind", Kind::Text),
    named("http.port", PORT, &["BACKEND_PORT"]),
    named("http.ops_port", PORT, &["HTTP_PORT"]),
    key("http.workers", Kind::Integer(1, 256)),
    named(
        "http.shutdown_seconds",
        Kind::Integer(1, 3600),
        &["SHUTDOWN_SECONDS"],
    ),
    key("http.event_streams", Kind::Integer(1, 100_000)),
    named("http.cors_origins", Kind::List, &["CORS_ORIGINS"]),
    key("http.trusted_proxies", Kind::Networks),
    key("database.url", Kind::SecretUrl(&["postgres", "postgresql"])),
    key("database.pool_size", Kind::Integer(1, 1000)),
    key("database.acquire_seconds", Kind::Integer(1, 600)),
    key("database.statement_seconds", Kind::Integer(1, 3600)),
    key("redis.url", Kind::RedisUrl),
    key("redis.prefix", Kind::Text),
    key("amqp.url", Kind::SecretUrl(&["amqp", "amqps"])),
    key("amqp.prefix", Kind::Text),
    named(
        "security.backend_api_key",
        Kind::Secret,
        &["BACKEND_API_KEY"],
    ),
    named("security.encryption_key", Kind::Secret, &["ENCRYPTION_KEY"]),
    named(
        "security.encryption_key_old",
        Kind::Secret,
        &["ENCRYPTION_KEY_OLD"],
    ),
    named(
        "security.jwt_secret",
        Kind::Secret,
        &["JWT_SECRET", "NEXTAUTH_SECRET"],
    ),
    key("security.token_issuer", Kind::Text),
    key("security.token_audience", Kind::Text),
    key(
        "security.admin_audit_retention_days",
        Kind::Integer(0, 36_500),
    ),
    named("panel.url", WEB, &["PTERODACTYL_URL"]),
    named("panel.api_key", Kind::Secret, &["PTERODACTYL_API_KEY"]),
    named(
        "panel.client_api_key",
        Kind::Secret,
        &["PTERODACTYL_CLIENT_API_KEY"],
    ),
    named(
        "panel.cf_access_client_id",
        Kind::Text,
        &["CF_ACCESS_CLIENT_ID"],
    ),
    named(
        "panel.cf_access_client_secret",
        Kind::Secret,
        &["CF_ACCESS_CLIENT_SECRET"],
    ),
    key("panel.request_timeout_seconds", Kind::Integer(1, 600)),
    key("panel.page_size", Kind::Integer(1, 10_000)),
    key("panel.allocation_page_size", Kind::Integer(1, 10_000)),
    key("panel.concurrency", Kind::Integer(1, 64)),
    key("panel.application_limit_per_minute", AT_LEAST_ONE),
    key("panel.client_limit_per_minute", AT_LEAST_ONE),
    key("virtfusion.url", WEB),
    key("virtfusion.api_key", Kind::Secret),
    key("sync.lease_seconds", Kind::Integer(1, 3600)),
    key("sync.heartbeat_seconds", Kind::Integer(1, 3600)),
    key("sync.poll_seconds", Kind::Integer(1, 3600)),
    key("sync.stall_seconds", Kind::Integer(1, 86_400)),
    key("sync.max_lost_leases", AT_LEAST_ONE),
    key("sync.hold_share", Kind::Share),
    key("sync.hold_rows", Kind::Integer(0, u32::MAX as u64)),
    key("sync.hold_window_hours", Kind::Integer(1, 8760)),
    key("sync.second_look_rows", Kind::Integer(0, 10_000)),
    key("sync.run_retention_days", Kind::Integer(1, 3650)),
    key("sync.removed_retention_days", Kind::Integer(1, 3650)),
    key("sync.message_retention_days", Kind::Integer(1, 3650)),
    key("sync.cleanup_interval_minutes", Kind::Integer(1, 10_080)),
    key("sync.progress_per_second", Kind::Integer(1, 100)),
    key("sync.batch_size", AT_LEAST_ONE),
    key("sync.subusers_enabled", Kind::Boolean),
    key("sync.subusers_batch_size", AT_LEAST_ONE),
    key("auto_sync.enabled", Kind::Boolean),
    key("auto_sync.interval", Kind::Integer(60, 31_536_000)),
    named("mail.resend_api_key", Kind::Secret, &["RESEND_API_KEY"]),
    named("mail.from", Kind::Text, &["EMAIL_FROM"]),
    key("mail.transport", Kind::Choice(&["resend", "file"])),
    key("mail.directory", Kind::Text),
    key("mail.resend_url", WEB),
    key("mail.requests_per_second", Kind::Integer(1, 1000)),
    key("mail.retry_seconds", Kind::Periods),
    named(
        "mail.resend_webhook_secret",
        Kind::Secret,
        &["RESEND_WEBHOOK_SECRET"],
    ),
    key("mail.retention_days", Kind::Integer(1, 3650)),
    key(
        "hytale.environment",
        Kind::Choice(&["production", "staging"]),
    ),
    key("hytale.use_staging", Kind::Boolean),
    key("hytale.oauth_url", WEB),
    key("hytale.account_data_url", WEB),
    key("hytale.sessions_url", WEB),
    key("hytale.session_issuer", Kind::Text),
    key("hytale.match_subject", Kind::Boolean),
    key("hytale.request_timeout_seconds", Kind::Integer(1, 120)),
    key("limits.key", AT_LEAST_ONE),
    key("limits.bearer", AT_LEAST_ONE),
    key("limits.address", AT_LEAST_ONE),
    key("limits.failed_credentials", AT_LEAST_ONE),
    key("limits.device_code", AT_LEAST_ONE),
    key("limits.device_code_by_address", AT_LEAST_ONE),
    key("limits.open_logins_of_strangers", AT_LEAST_ONE),
    key("limits.fast_polls", AT_LEAST_ONE),
    key("limits.refresh_token", AT_LEAST_ONE),
    key("limits.game_session", AT_LEAST_ONE),
    key("limits.mails", AT_LEAST_ONE),
    key("limits.mails_to_recipient", AT_LEAST_ONE),
    key("limits.gateways", Kind::Integer(1, 1000)),
    key("limits.decision_milliseconds", Kind::Integer(1, 10_000)),
    key("hytale.upkeep_seconds", Kind::Integer(1, 3600)),
    key("hytale.upkeep_concurrency", Kind::Integer(1, 64)),
    key("hytale.session_limit", Kind::Integer(0, 1_000_000)),
    key("hytale.session_warning_share", Kind::Share),
    key("hytale.audit_retention_days", Kind::Integer(1, 36_500)),
    key("hytale.audit_sum_seconds", Kind::Integer(1, 3600)),
    key(
        "hytale.server_logs_retention_days",
        Kind::Integer(1, 36_500),
    ),
    key("outbound.allowed_networks", Kind::Networks),
    key("notifications.concurrency", Kind::Integer(1, 1000)),
    key(
        "notifications.request_timeout_seconds",
        Kind::Integer(1, 60),
    ),
    key("notifications.notifiers", Kind::Integer(1, 1000)),
    key("notifications.retry_seconds", Kind::Periods),
    key("notifications.disable_days", Kind::Integer(1, 365)),
    key("notifications.retention_days", Kind::Integer(1, 3650)),
    key("notifications.discord_url", WEB),
    key("sentry.dsn", Kind::SecretUrl(&["http", "https"])),
    key("sentry.traces_sample_rate", Kind::Share),
];

/// The key at this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether keys stand below this path.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| {
        key.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

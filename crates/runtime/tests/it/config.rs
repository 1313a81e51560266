use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runtime::config::keys::KEYS;
use runtime::config::{self, Config, ConfigErrors, Environment, Sources};
use secrecy::ExposeSecret;

const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://me:hunter2@db/nodebyte");
const KEY: (&str, &str) = (
    "ENCRYPTION_KEY",
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
);

fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::load(&Sources::of_variables(variables.iter().copied()))
}

fn load_file(text: &str) -> Result<Config, ConfigErrors> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodebyte.toml");
    fs::write(&file, text).unwrap();
    let mut sources = Sources::of_variables([DATABASE]);
    sources.file = Some(file);
    Config::load(&sources)
}

fn keys_at_fault(result: Result<Config, ConfigErrors>) -> Vec<String> {
    result
        .unwrap_err()
        .0
        .into_iter()
        .map(|error| error.key)
        .collect()
}

#[test]
fn a_database_url_is_enough_to_start() {
    let config = load(&[DATABASE]).unwrap();
    assert_eq!(config.environment, Environment::Development);
    assert_eq!(config.http.port, 8080);
    assert_eq!(config.redis.url.expose_secret(), "redis://localhost:6379");
    assert_eq!(config.panel.request_timeout, Duration::from_secs(30));
    assert_eq!(config.sync.lease, Duration::from_secs(15));
    assert_eq!(config.sync.hold_share, 0.2);
    assert!(config.security.encryption_key.is_none());
    assert!(config.panel.url.is_none());
}

#[test]
fn without_a_database_url_it_says_which_variable_is_missing() {
    let errors = load(&[]).unwrap_err();
    assert_eq!(errors.to_string().lines().count(), 2);
    assert!(errors.to_string().contains("DATABASE_URL"));
}

#[test]
fn the_environment_stands_above_the_file_and_the_file_above_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodebyte.toml");
    fs::write(&file, "[http]\nport = 1111\nops_port = 2222\n").unwrap();
    let mut sources = Sources::of_variables([DATABASE, ("BACKEND_PORT", "3333")]);
    sources.file = Some(file);
    let config = Config::load(&sources).unwrap();
    assert_eq!(
        (config.http.port, config.http.ops_port, config.http.workers),
        (3333, 2222, 2)
    );
}

#[test]
fn every_variable_of_earlier_installations_is_understood() {
    let config = load(&[
        DATABASE,
        KEY,
        ("ENV", "production"),
        ("BACKEND_PORT", "8081"),
        ("REDIS_URL", "cache:6380"),
        ("BACKEND_API_KEY", "k"),
        ("CORS_ORIGINS", "https://a.example, https://b.example"),
        ("NEXTAUTH_SECRET", "older, and as long as it has to be"),
        ("SENTRY_DSN", "https://public@sentry.example/1"),
        ("HYTALE_USE_STAGING", "yes"),
        ("PTERODACTYL_URL", "https://panel.example"),
        ("PTERODACTYL_API_KEY", "ptla_x"),
        ("PTERODACTYL_CLIENT_API_KEY", "ptlc_x"),
        ("VIRTFUSION_URL", "https://virt.example"),
        ("VIRTFUSION_API_KEY", "v"),
        ("CF_ACCESS_CLIENT_ID", "id"),
        ("CF_ACCESS_CLIENT_SECRET", "s"),
        ("RESEND_API_KEY", "re_x"),
        ("EMAIL_FROM", "N <n@example>"),
        ("SYNC_BATCH_SIZE", "7"),
        ("AUTO_SYNC_ENABLED", "1"),
        ("AUTO_SYNC_INTERVAL", "600"),
        ("SYNC_SUBUSERS_ENABLED", "false"),
        ("SYNC_SUBUSERS_BATCH_SIZE", "9"),
    ])
    .unwrap();
    let shown = |secret: &Option<secrecy::SecretString>| {
        secret
            .as_ref()
            .map(|secret| secret.expose_secret().to_owned())
    };
    assert_eq!(config.environment, Environment::Production);
    assert_eq!(config.http.port, 8081);
    assert_eq!(config.redis.url.expose_secret(), "redis://cache:6380");
    assert_eq!(
        config.http.cors_origins,
        ["https://a.example", "https://b.example"]
    );
    assert_eq!(
        shown(&config.security.backend_api_key).as_deref(),
        Some("k")
    );
    assert_eq!(
        shown(&config.security.jwt_secret).as_deref(),
        Some("older, and as long as it has to be")
    );
    assert_eq!(config.panel.url.as_deref(), Some("https://panel.example"));
    assert_eq!(shown(&config.panel.api_key).as_deref(), Some("ptla_x"));
    assert_eq!(
        shown(&config.panel.client_api_key).as_deref(),
        Some("ptlc_x")
    );
    assert_eq!(config.panel.cf_access_client_id.as_deref(), Some("id"));
    assert_eq!(
        config.virtfusion.url.as_deref(),
        Some("https://virt.example")
    );
    assert_eq!(config.mail.from, "N <n@example>");
    assert_eq!(config.sync.batch_size, 7);
    assert!(config.auto_sync.enabled && !config.sync.subusers_enabled);
    assert_eq!(config.auto_sync.interval, Duration::from_secs(600));
    assert!(config.hytale.is_staging());
    assert!(config.sentry.dsn.is_some());
}

#[test]
fn the_first_of_two_names_counts_and_an_empty_one_does_not() {
    let secret = |first: &str| {
        let config = load(&[DATABASE, ("JWT_SECRET", first), ("NEXTAUTH_SECRET", "old")]).unwrap();
        config
            .security
            .jwt_secret
            .unwrap()
            .expose_secret()
            .to_owned()
    };
    assert_eq!(secret("new"), "new");
    assert_eq!(secret(""), "old");
}

#[test]
fn both_forms_of_a_redis_address_are_taken() {
    let redis = |text| load(&[DATABASE, ("REDIS_URL", text)]);
    for (text, url) in [
        ("localhost:6379", "redis://localhost:6379"),
        ("10.0.0.1:1", "redis://10.0.0.1:1"),
        ("redis://u:p@h:1/2", "redis://u:p@h:1/2"),
        ("rediss://h:1", "rediss://h:1"),
    ] {
        assert_eq!(redis(text).unwrap().redis.url.expose_secret(), url);
    }
    assert_eq!(keys_at_fault(redis("http://h")), ["redis.url (REDIS_URL)"]);
}

#[test]
fn a_secret_that_looks_like_a_number_stays_text() {
    let config = load(&[DATABASE, ("BACKEND_API_KEY", "0042")]).unwrap();
    assert_eq!(
        config.security.backend_api_key.unwrap().expose_secret(),
        "0042"
    );
}

#[test]
fn all_errors_are_reported_at_once_and_without_the_values() {
    let errors = load(&[
        DATABASE,
        ("BACKEND_PORT", "hunter3"),
        ("AUTO_SYNC_ENABLED", "maybe"),
        ("SYNC_HOLD_SHARE", "1.5"),
        ("PTERODACTYL_URL", "panel.example"),
        ("ENV", "staging"),
        ("PANEL_CONCURRENCY", "0"),
    ])
    .unwrap_err();
    let text = errors.to_string();
    assert_eq!(errors.0.len(), 6, "{text}");
    for name in [
        "BACKEND_PORT",
        "AUTO_SYNC_ENABLED",
        "SYNC_HOLD_SHARE",
        "PTERODACTYL_URL",
    ] {
        assert!(text.contains(name), "{text}");
    }
    assert!(text.contains("development, production"), "{text}");
    assert!(!text.contains("hunter3"), "{text}");
}

#[test]
fn rules_that_span_keys_are_all_tried() {
    let keys = keys_at_fault(load(&[
        ("ENV", "production"),
        ("CORS_ORIGINS", "*"),
        ("SYNC_LEASE_SECONDS", "8"),
        ("CF_ACCESS_CLIENT_ID", "alone"),
    ]));
    assert_eq!(keys.len(), 5, "{keys:?}");
}

#[test]
fn an_unknown_key_in_a_file_is_an_error() {
    let errors =
        load_file("environment = \"development\"\n[sync]\nleese_seconds = 3\n[extra]\na = 1\n")
            .unwrap_err()
            .to_string();
    assert!(
        errors.contains("sync.leese_seconds") && errors.contains("extra.a"),
        "{errors}"
    );
    assert!(keys_at_fault(load_file("[empty]\n"))[0].starts_with("empty"));
}

#[test]
fn a_value_of_the_wrong_type_in_a_file_is_an_error() {
    let keys = keys_at_fault(load_file(
        "[http]\nport = true\ncors_origins = [1]\nworkers = -1\n",
    ));
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert!(
        load_file("[http\n")
            .unwrap_err()
            .to_string()
            .contains("nodebyte.toml")
    );
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let given = " 10.0.0.0/8, 203.0.113.7,2001:db8::/32,";
    let config = load(&[DATABASE, ("HTTP_TRUSTED_PROXIES", given)]).unwrap();
    let shown = "http.trusted_proxies = 10.0.0.0/8, 203.0.113.7/32, 2001:db8::/32\n";
    assert!(config.redacted().contains(shown), "{}", config.redacted());
    assert!(load(&[DATABASE]).unwrap().http.trusted_proxies.is_empty());
    for wrong in ["proxy.example", "10.0.0.0/33", "10.0.0.0/8;10.0.0.1"] {
        let keys = keys_at_fault(load(&[DATABASE, ("HTTP_TRUSTED_PROXIES", wrong)]));
        assert!(keys[0].contains("HTTP_TRUSTED_PROXIES"), "{keys:?}");
    }
    let keys = keys_at_fault(load_file("[http]\ntrusted_proxies = [\"everybody\"]\n"));
    assert!(keys[0].contains("http.trusted_proxies"), "{keys:?}");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let mut sources = Sources::of_variables([DATABASE]);
    sources.file = Some(PathBuf::from("/nowhere/nodebyte.toml"));
    assert!(
        Config::load(&sources)
            .unwrap_err()
            .to_string()
            .contains("no such file")
    );
}

#[test]
fn production_does_not_start_without_an_encryption_key() {
    let production = [DATABASE, ("ENV", "production")];
    assert!(keys_at_fault(load(&production))[0].contains("ENCRYPTION_KEY"));
    assert!(load(&[production[0], production[1], KEY]).is_ok());
}

#[test]
fn an_unusable_encryption_key_is_refused_in_development_too() {
    let errors = load(&[DATABASE, ("ENCRYPTION_KEY", "abc123")])
        .unwrap_err()
        .to_string();
    assert!(
        errors.contains("64 are needed") && !errors.contains("abc123"),
        "{errors}"
    );
}

#[test]
fn the_key_before_is_a_key_and_follows_one() {
    let old = ("ENCRYPTION_KEY_OLD", "abc123");
    let faults = keys_at_fault(load(&[DATABASE, KEY, old]));
    assert!(faults[0].contains("ENCRYPTION_KEY_OLD"), "{faults:?}");
    let faults = keys_at_fault(load(&[DATABASE, (old.0, KEY.1)]));
    assert!(faults[0].contains("ENCRYPTION_KEY_OLD"), "{faults:?}");
    let both = load(&[DATABASE, KEY, (old.0, KEY.1)]).unwrap();
    assert!(both.security.master_key().unwrap().is_some());
}

#[test]
fn nothing_secret_is_ever_shown() {
    let config = load(&[
        DATABASE,
        KEY,
        ("ENCRYPTION_KEY_OLD", KEY.1),
        ("REDIS_URL", "redis://:planted@h:1"),
        ("AMQP_URL", "amqp://u:planted@h:1"),
        ("BACKEND_API_KEY", "planted"),
        ("SENTRY_DSN", "https://planted@sentry.example/1"),
        ("PTERODACTYL_API_KEY", "planted"),
    ])
    .unwrap();
    let shown = format!("{}{config:?}", config.redacted());
    assert!(!shown.contains("planted") && !shown.contains("hunter2") && !shown.contains(KEY.1));
    assert!(shown.contains("database.url = (set)\n"));
    assert!(shown.contains("mail.resend_api_key = (not set)\n"));
    assert!(shown.contains("sync.lease_seconds = 15\n"));
    assert!(shown.contains("http.cors_origins = http://localhost:3000, https://nodebyte.host\n"));
    assert_eq!(config.redacted().lines().count(), KEYS.len());
}

#[test]
fn every_key_has_a_default_a_comment_and_a_name_of_its_own() {
    let reference = config::reference();
    let mut names = BTreeSet::new();
    for key in KEYS {
        let row = reference
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", key.path)));
        let row = row.unwrap_or_else(|| panic!("{} is not in default.toml", key.path));
        assert!(!row.ends_with("|  |"), "{} has no comment", key.path);
        for name in key.environment() {
            assert!(names.insert(name.clone()), "{name} is taken twice");
        }
    }
}

#[test]
fn the_committed_reference_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CONFIGURATION.md");
    if std::env::var_os("NODEBYTE_WRITE_DOCS").is_some() {
        fs::write(&file, config::reference()).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == config::reference(),
        "write docs/CONFIGURATION.md anew: NODEBYTE_WRITE_DOCS=1 cargo test -p runtime reference"
    );
}

#[test]
fn a_secret_that_could_be_guessed_is_refused_in_production() {
    let key = "5a".repeat(32);
    let production = |secret: &str| {
        load(&[
            DATABASE,
            ("ENV", "production"),
            ("ENCRYPTION_KEY", &key),
            ("JWT_SECRET", secret),
        ])
    };
    let errors = production("only thirty-one bytes, not more").unwrap_err();
    assert_eq!(errors.0[0].key, "security.jwt_secret (JWT_SECRET)");
    assert!(!errors.0[0].reason.contains("thirty"));
    production("thirty-two bytes, and that is ok").unwrap();
    load(&[DATABASE, ("JWT_SECRET", "short")]).unwrap();
}

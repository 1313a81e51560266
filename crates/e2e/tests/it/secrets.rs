//! What must not be seen anywhere: every secret that worker and gateway are given
//! or come across is planted, and then looked for in all that they say and leave
//! behind.

use crate::service::Service;
use crate::world::World;
use common::crypto::master::MasterKey;
use common::types::id::RunId;
use reach::vault::Vault;
use reqwest::Url;
use secrecy::SecretString;
use simulators::panel::{Effect, Fault, Faults, Resource, State};
use std::sync::Arc;
use uuid::Uuid;

const ENCRYPTION_KEY: &str = "5ec4e7a1b2c3d4e5f60718293a4b5c6d7e8f9012a3b4c5d6e7f8091a2b3c4d5e";

const BACKEND_API_KEY: &str = "planted-backend-api-key";

/// Given to the services by their environment.
const BY_ENVIRONMENT: [(&str, &str); 6] = [
    ("ENCRYPTION_KEY", ENCRYPTION_KEY),
    ("BACKEND_API_KEY", BACKEND_API_KEY),
    ("JWT_SECRET", "planted-jwt-secret"),
    ("RESEND_API_KEY", "planted-resend-key"),
    ("PTERODACTYL_API_KEY", "ptla_plantedKeyOfTheEnvironment"),
    (
        "CF_ACCESS_CLIENT_SECRET",
        "planted-cf-secret-of-the-environment",
    ),
];

const DATABASE_PASSWORD: &str = "planted-postgres-password";
const CF_SECRET: &str = "planted-cf-secret-of-the-database";

/// What the panel shows and nobody may keep: passwords of databases.
const OF_THE_PANEL: &str = "planted-database-password";

/// Values of a server's environment. They are mirrored, into one table.
const OF_THE_SERVERS: &str = "planted-console-password";
const WHERE_VALUES_STAND: &str = "server_variables";

/// Stores settings as an operator does: sealed. They override the environment.
async fn seal_settings(world: &World, settings: &[(&str, &str)]) {
    let master = MasterKey::parse(&SecretString::from(ENCRYPTION_KEY)).unwrap();
    let vault = Vault::open_to_seal(&world.store, Some(Arc::new(master)))
        .await
        .unwrap();
    for (key, value) in settings {
        let sealed = vault
            .seal_setting(key, &SecretString::from(*value))
            .unwrap();
        world
            .store
            .setting_save(key, &sealed, "envelope", "e2e")
            .await
            .unwrap();
    }
}

/// Everything in every table, as text.
pub async fn tables(world: &World) -> Vec<(String, String)> {
    let client = world.connect().await;
    let names = client
        .query(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
            &[],
        )
        .await
        .unwrap();
    let mut found = Vec::new();
    for name in names.iter().map(|row| row.get::<_, String>(0)) {
        let query = format!("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {name} t");
        let rows = client.query_one(&query, &[]).await.unwrap().get(0);
        found.push((name, rows));
    }
    found
}

/// Asks the gateway everything about these runs, and what it may not tell.
async fn ask(gateway: &Service, run: RunId, server: Uuid) -> String {
    let client = reqwest::Client::new();
    let paths = [
        format!("/api/v1/sync/status/{run}"),
        "/api/v1/sync/logs".to_owned(),
        "/api/v1/sync/latest".to_owned(),
        format!("/api/v1/sync/stream/{run}"),
        format!("/api/v1/servers/{server}/resources"),
        "/api/v1/nowhere".to_owned(),
        "/health".to_owned(),
        "/metrics".to_owned(),
    ];
    let mut answers = String::new();
    for key in [BACKEND_API_KEY, "a wrong key"] {
        for path in &paths {
            let request = client.get(gateway.url(path)).header("X-API-Key", key);
            let answer = request.send().await.unwrap();
            answers += &format!("{path} {} {:?}\n", answer.status(), answer.headers());
            answers += &answer.text().await.unwrap();
            answers.push('\n');
        }
    }
    answers
}

/// One run that meets most troubles there are, and two that fail.
async fn run_through_trouble(world: &World) -> RunId {
    world.panel.faults(|faults| {
        for effect in [
            Effect::TooManyRequests { retry_after: 1 },
            Effect::ServerError,
            Effect::Truncated,
            Effect::Html { status: 502 },
            Effect::Reset,
        ] {
            faults.add(Fault::new(effect).after(5).times(1));
        }
    });
    world.slow_down(0.1);
    let run = world.trigger().await;
    world.asked(run, 20).await;
    // The worker's connections, so that it has errors of PostgreSQL to log.
    let client = world.connect().await;
    let lost = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND application_name = 'sync-worker'";
    client.query(lost, &[]).await.unwrap();
    world.completed(run).await;
    world.panel.faults(Faults::clear);
    world.assert_mirrored().await;

    world
        .panel
        .access(|access| access.withdraw(Resource::ServerDatabases));
    assert_eq!(world.ended(world.trigger().await).await.status, "FAILED");
    world
        .panel
        .access(|access| access.grant(Resource::ServerDatabases));
    world
        .panel
        .faults(|faults| faults.add(Fault::new(Effect::LoginRedirect)));
    let last = world.ended(world.trigger().await).await;
    assert_eq!(last.status, "FAILED");
    world.panel.faults(Faults::clear);
    last.run_id()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_found_in_logs_metrics_events_or_the_database() {
    let mut world = World::new(State::small()).await;
    let mut planted: Vec<String> = vec![
        world.panel.application_key().to_owned(),
        world.panel.client_key().to_owned(),
        CF_SECRET.to_owned(),
        OF_THE_PANEL.to_owned(),
    ];
    seal_settings(
        &world,
        &[
            ("pterodactyl_api_key", world.panel.application_key()),
            ("pterodactyl_client_api_key", world.panel.client_key()),
            ("cf_access_client_secret", CF_SECRET),
        ],
    )
    .await;
    for (name, secret) in BY_ENVIRONMENT {
        world.set(name, secret);
        planted.push(secret.to_owned());
    }
    world.set("CF_ACCESS_CLIENT_ID", "cf-id");
    world.set("LOG_LEVEL", "trace");
    world.set("LOG_LIBRARY_LEVEL", "trace");
    let mut database = Url::parse(world.variable("DATABASE_URL")).unwrap();
    if database.password().is_none() {
        // A server that asks for none takes any.
        database.set_password(Some(DATABASE_PASSWORD)).unwrap();
        world.set("DATABASE_URL", database.as_str());
        planted.push(DATABASE_PASSWORD.to_owned());
    }

    let (mut worker, mut gateway) = (world.worker().await, world.gateway().await);
    let run = run_through_trouble(&world).await;
    world.published().await;
    let server = world.panel.state(|state| state.servers[&1].uuid);
    let answers = ask(&gateway, run, server).await;
    let metrics = worker.metrics().await;
    worker.stop();
    gateway.stop();
    let (log, gateways_log) = (worker.log(), gateway.log());
    let tables = tables(&world).await;

    let table = |name: &str| &tables.iter().find(|(known, _)| known == name).unwrap().1;
    assert!(log.contains(r#""level":"debug""#), "the log tells little");
    assert!(metrics.contains("nodebyte_sync_rows_total"), "{metrics}");
    assert!(table("outbox").contains("sync.completed"));
    assert!(table(WHERE_VALUES_STAND).contains(OF_THE_SERVERS));

    assert!(answers.contains(&run.to_string()), "{answers}");
    assert!(gateways_log.contains("/api/v1/sync/latest"));

    let left_behind = tables
        .iter()
        .map(|(name, rows)| (name.as_str(), rows.as_str()))
        .chain([
            ("the worker's log", log.as_str()),
            ("the worker's metrics", metrics.as_str()),
            ("the gateway's answers", answers.as_str()),
            ("the gateway's log", gateways_log.as_str()),
        ]);
    for (place, text) in left_behind {
        for secret in &planted {
            assert_hidden(place, text, secret);
        }
        if place != WHERE_VALUES_STAND {
            assert_hidden(place, text, OF_THE_SERVERS);
        }
    }
}

/// Libraries that log what they send write it as a list of bytes.
pub fn assert_hidden(place: &str, text: &str, secret: &str) {
    let bytes = format!("{:?}", secret.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    let found = |line: &&str| line.contains(secret) || line.contains(bytes);
    if let Some(line) = text.lines().find(found) {
        panic!("{secret} is found in {place}: {line}");
    }
}

//! Many callers at once. What the command line makes one by one is written here in two
//! statements a kind; tokens are signed with the installation's own key.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use common::crypto::api_key;
use common::crypto::bearer::NewToken;
use common::types::caller::Actor;
use reach::signing;
use runtime::config::{Config, Sources};
use secrecy::ExposeSecret;
use store::Store;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Users, each with one token of twelve hours
    #[arg(long)]
    bearers: usize,
    /// Clients, each with one key
    #[arg(long)]
    keys: usize,
    /// Where `bearers` and `keys` are written: one header a line
    #[arg(long)]
    into: PathBuf,
}

/// Longer than any measure.
const HOURS: i64 = 12;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    runtime::process::install_crypto_provider();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting a runtime")?
        .block_on(Box::pin(make(arguments)))
}

async fn make(arguments: &Arguments) -> Result<()> {
    let config = Config::load(&Sources::of_process(None)).context("the configuration")?;
    let (client, connection) = tokio_postgres::connect(config.database.url.expose_secret(), NoTls)
        .await
        .context("connecting to PostgreSQL")?;
    // Its end is seen by whoever uses the client.
    tokio::spawn(connection);
    let bearers = bearers(&config, &client, arguments.bearers).await?;
    write(&arguments.into, "bearers", &bearers)?;
    let keys = keys(&client, arguments.keys).await?;
    write(&arguments.into, "keys", &keys)?;
    client
        .batch_execute(
            "ANALYZE users; ANALYZE access_tokens; ANALYZE api_clients; ANALYZE api_keys",
        )
        .await
        .context("ANALYZE")
}

async fn bearers(config: &Config, client: &Client, count: usize) -> Result<Vec<String>> {
    let store = Store::connect(&store::Settings {
        url: config.database.url.clone(),
        pool_size: 1,
        connect_timeout: config.database.acquire,
        statement_timeout: Duration::from_secs(30),
        application_name: "load",
    })?;
    let master = config.security.master_key()?.map(Arc::new);
    let actor = Actor::Operator("cli:bench".to_owned());
    let key = signing::current(&store, master, &actor).await?;
    let realm = config.security.realm();

    let second = TimeDelta::seconds(1);
    let issued_at: DateTime<Utc> = Utc::now().duration_trunc(second).context("this second")?;
    let expires_at = issued_at + TimeDelta::hours(HOURS);
    let users: Vec<String> = (0..count).map(|_| Uuid::new_v4().to_string()).collect();
    let ids: Vec<Uuid> = users.iter().map(|_| Uuid::new_v4()).collect();
    client
        .execute(
            "INSERT INTO users (id, email, roles)
             SELECT id, id || '@bench.example', '{MEMBER}' FROM unnest($1::text[]) AS it (id)",
            &[&users],
        )
        .await
        .context("making users")?;
    client
        .execute(
            "INSERT INTO access_tokens (id, user_id, issued_at, expires_at)
             SELECT id, user_id, $3, $4 FROM unnest($1::uuid[], $2::text[]) AS it (id, user_id)",
            &[&ids, &users, &issued_at, &expires_at],
        )
        .await
        .context("making tokens")?;
    users
        .iter()
        .zip(ids)
        .map(|(user, id)| {
            let token = NewToken {
                user,
                id,
                issued_at,
                expires_at,
            };
            let token = key.sign(&token, &realm).context("signing a token")?;
            Ok(format!("Authorization: Bearer {}", token.expose_secret()))
        })
        .collect()
}

async fn keys(client: &Client, count: usize) -> Result<Vec<String>> {
    let made: Vec<api_key::NewKey> = (0..count)
        .map(|_| api_key::generate().context("making a key"))
        .collect::<Result<_>>()?;
    let clients: Vec<Uuid> = made.iter().map(|_| Uuid::new_v4()).collect();
    // What recognises a key by itself would collide among so many.
    let prefixes: Vec<String> = clients.iter().map(ToString::to_string).collect();
    let hashes: Vec<&[u8]> = made.iter().map(|key| key.hash.as_slice()).collect();
    client
        .execute(
            "INSERT INTO api_clients (id, name) SELECT id, id::text FROM unnest($1::uuid[]) AS it (id)",
            &[&clients],
        )
        .await
        .context("making clients")?;
    client
        .execute(
            "INSERT INTO api_keys (id, client_id, prefix, hash, scopes)
             SELECT gen_random_uuid(), client, prefix, hash, '{hytale}'
             FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS it (client, prefix, hash)",
            &[&clients, &prefixes, &hashes],
        )
        .await
        .context("making keys")?;
    Ok(made
        .iter()
        .map(|key| format!("X-API-Key: {}", key.key.expose_secret()))
        .collect())
}

fn write(directory: &Path, name: &str, lines: &[String]) -> Result<()> {
    let file = directory.join(name);
    fs::write(&file, lines.join("\n")).with_context(|| format!("writing {}", file.display()))
}

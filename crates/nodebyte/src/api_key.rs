//! `nodebyte api-key`.

use crate::arguments::{ApiKey, KeyServers};
use crate::failure::Failure;
use crate::given;
use crate::output::{Table, time};
use crate::session::{Session, actor};
use chrono::{DateTime, Utc};
use common::crypto::api_key;
use common::types::scope::{Scope, Scopes};
use common::types::server_limits::ServerLimits;
use secrecy::ExposeSecret;
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;
use store::{ApiKeyOutcome, ApiKeyRow, KEYS_AT_ONCE, NewApiKey, StoreError};
use uuid::Uuid;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Serialize)]
struct View<'a> {
    id: Uuid,
    /// Only where it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    prefix: &'a str,
    client: &'a str,
    client_id: Uuid,
    scopes: &'a [String],
    /// Whether it may write the logs of every server.
    all_servers: bool,
    /// Else of these, by our ids.
    servers: Vec<Uuid>,
    /// And of those on these nodes.
    nodes: Vec<Uuid>,
    state: &'a str,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl<'a> View<'a> {
    fn of(row: &'a ApiKeyRow) -> Self {
        let limits = limits(row);
        Self {
            id: row.id,
            key: None,
            prefix: &row.prefix,
            client: &row.client,
            client_id: row.client_id,
            scopes: &row.scopes,
            all_servers: limits == ServerLimits::All,
            servers: limits.servers().to_vec(),
            nodes: limits.nodes().to_vec(),
            state: &row.state,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        }
    }
}

pub async fn run(session: &Session<'_>, command: &ApiKey) -> Result<ExitCode, Failure> {
    match command {
        ApiKey::Create {
            client,
            scopes,
            expires,
            servers,
        } => {
            let scopes = scopes.iter().copied().collect();
            create(session, client, scopes, *expires, servers).await
        }
        ApiKey::List => list(session).await,
        ApiKey::Revoke { key } => revoke(session, key).await,
    }
}

async fn create(
    session: &Session<'_>,
    client: &str,
    scopes: Scopes,
    expires: Option<u16>,
    servers: &KeyServers,
) -> Result<ExitCode, Failure> {
    given::name("a client", client)?;
    let servers = limits_of(session, scopes, servers).await?;
    let made = api_key::generate().map_err(Failure::Randomness)?;
    let new = NewApiKey {
        client: client.to_owned(),
        prefix: made.prefix,
        hash: made.hash,
        scopes,
        servers,
        lifetime: expires.map(|days| DAY * u32::from(days)),
    };
    let ApiKeyOutcome::Created(row) = session.store.api_key_create(&new, &actor()).await? else {
        return Err(Failure::Refused(format!(
            "client {client} has {KEYS_AT_ONCE} valid keys already; revoke one first"
        )));
    };
    let key = made.key.expose_secret();
    let view = View {
        key: Some(key),
        ..View::of(&row)
    };
    // The one place where the key is shown, because it is nowhere else.
    session.output.show(&view, || {
        format!(
            "{key}\n\nThe key of client {client} (client:{}), scopes {}. It is shown this once.",
            row.client_id,
            row.scopes.join(", ")
        )
    })
}

/// What the arguments say, with our ids.
async fn limits_of(
    session: &Session<'_>,
    scopes: Scopes,
    given: &KeyServers,
) -> Result<ServerLimits, Failure> {
    let names_some = !given.servers.is_empty() || !given.nodes.is_empty();
    match (scopes.has(Scope::Logs), given.all_servers || names_some) {
        (true, false) => {
            return Err(Failure::Usage(
                "scope logs needs --server, --node or --all-servers: whose logs may be written"
                    .to_owned(),
            ));
        }
        (false, true) => {
            return Err(Failure::Usage(
                "--server, --node and --all-servers go with scope logs only".to_owned(),
            ));
        }
        _ if given.all_servers => return Ok(ServerLimits::All),
        _ => {}
    }
    let (mut servers, mut nodes) = (Vec::new(), Vec::new());
    for id in &given.servers {
        servers.push(known(*id, session.store.server_id(*id, None).await)?);
    }
    for id in &given.nodes {
        nodes.push(known(*id, session.store.node_id(*id).await)?);
    }
    Ok(ServerLimits::Named { servers, nodes })
}

fn known(id: Uuid, found: Result<Uuid, StoreError>) -> Result<Uuid, Failure> {
    found.map_err(|error| match error {
        StoreError::NotFound(what) => Failure::NotFound {
            what,
            name: id.to_string(),
        },
        error => error.into(),
    })
}

fn limits(row: &ApiKeyRow) -> ServerLimits {
    row.servers.clone().into()
}

async fn list(session: &Session<'_>) -> Result<ExitCode, Failure> {
    let rows = session.store.api_keys().await?;
    let views: Vec<View<'_>> = rows.iter().map(View::of).collect();
    session.output.show(&views, || {
        let mut table = Table::new([
            "CLIENT",
            "PREFIX",
            "STATE",
            "SCOPES",
            "WRITES LOGS OF",
            "EXPIRES",
            "LAST USED",
            "ID",
        ]);
        for row in &rows {
            table.row([
                row.client.clone(),
                row.prefix.clone(),
                row.state.clone(),
                row.scopes.join(","),
                limits(row).to_string(),
                time(row.expires_at),
                time(row.last_used_at),
                row.id.to_string(),
            ]);
        }
        table.or("No API keys.")
    })
}

async fn revoke(session: &Session<'_>, key: &str) -> Result<ExitCode, Failure> {
    let row = match session.store.api_key_revoke(key, &actor()).await {
        Err(StoreError::NotFound(what)) => {
            return Err(Failure::NotFound {
                what,
                name: shown(key),
            });
        }
        outcome => outcome?,
    };
    session.output.show(&View::of(&row), || {
        format!(
            "Revoked {} of client {}. It is refused within a second.",
            row.prefix, row.client
        )
    })
}

/// A name that may be put into an error: somebody may have given the whole key.
fn shown(key: &str) -> String {
    match api_key::hash(key) {
        Some(_) => {
            "of that name; give the first 12 characters of the key, not all of it".to_owned()
        }
        None => key.to_owned(),
    }
}

//! `nodebyte panel`.

use crate::arguments::Panel;
use crate::failure::Failure;
use crate::given;
use crate::output::Table;
use crate::session::Session;
use common::types::id::PanelId;
use reach::settings::DEFAULT_PANEL;
use reach::vault::{PanelKey, Vault};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::process::ExitCode;
use store::{NewPanel, PanelRow, StoreError};
use url::Url;
use uuid::Uuid;

const KEY: &str = "NODEBYTE_PANEL_KEY";
const CLIENT_KEY: &str = "NODEBYTE_PANEL_CLIENT_KEY";

#[derive(Serialize)]
struct View<'a> {
    id: Uuid,
    name: &'a str,
    url: &'a str,
    /// Whether a key of its own is stored.
    application_key: bool,
    client_key: bool,
}

impl<'a> View<'a> {
    fn of(row: &'a PanelRow) -> Self {
        Self {
            id: row.id,
            name: &row.name,
            url: &row.url,
            application_key: row.application_key.is_some(),
            client_key: row.client_key.is_some(),
        }
    }
}

pub async fn run(session: &Session<'_>, command: &Panel) -> Result<ExitCode, Failure> {
    match command {
        Panel::Add { name, url } => add(session, name, url).await,
        Panel::List => list(session).await,
    }
}

async fn list(session: &Session<'_>) -> Result<ExitCode, Failure> {
    let rows = session.store.panels().await?;
    let views: Vec<View<'_>> = rows.iter().map(View::of).collect();
    session.output.show(&views, || {
        let mut table = Table::new(["NAME", "URL", "KEYS", "ID"]);
        for view in &views {
            let keys = match (view.application_key, view.client_key) {
                (true, true) => "application, client",
                (true, false) => "application",
                (false, true) => "client",
                (false, false) => "configuration",
            };
            table.row([
                view.name.to_owned(),
                view.url.to_owned(),
                keys.to_owned(),
                view.id.to_string(),
            ]);
        }
        table.or("No panels.")
    })
}

async fn add(session: &Session<'_>, name: &str, url: &Url) -> Result<ExitCode, Failure> {
    if name == DEFAULT_PANEL {
        return Err(Failure::Usage(
            "the panel default is set by PTERODACTYL_URL, or by `nodebyte config set pterodactyl_url`"
                .to_owned(),
        ));
    }
    given::name("a panel", name)?;
    given::web_address("a panel's address", url)?;
    let url = url.as_str().trim_end_matches('/');
    if url.ends_with("/api/application") || url.ends_with("/api/client") {
        return Err(Failure::Usage(
            "a panel's address is the one that people open, without /api/…".to_owned(),
        ));
    }
    let (application, client) = keys(session)?;
    given::key("the application key", &application)?;
    if let Some(client) = &client {
        given::key("the client key", client)?;
    }
    let id = match session.store.panel_by_name(name).await {
        // Its keys are bound to the id that it keeps.
        Ok(known) => known.panel_id(),
        Err(StoreError::NotFound(_)) => PanelId::new(),
        Err(error) => return Err(error.into()),
    };
    let vault = Vault::open_to_seal(&session.store, session.master_key()?).await?;
    let seal = |key, value: &SecretString| vault.seal_panel_key(key, id, value);
    let new = NewPanel {
        id,
        name: name.to_owned(),
        url: url.to_owned(),
        application_key: Some(seal(PanelKey::Application, &application)?),
        client_key: client
            .map(|client| seal(PanelKey::Client, &client))
            .transpose()?,
    };
    let row = session.store.panel_save(&new).await?;
    if row.panel_id() != id {
        return Err(Failure::Refused(format!(
            "panel {name} was added by somebody else at the same moment; add it again"
        )));
    }
    session.output.show(&View::of(&row), || {
        format!("Panel {} at {} is stored as {}.", row.name, row.url, row.id)
    })
}

/// The application key and perhaps a client key, never from arguments.
fn keys(session: &Session<'_>) -> Result<(SecretString, Option<SecretString>), Failure> {
    let given = |name| std::env::var(name).ok().filter(|key| !key.is_empty());
    if let Some(application) = given(KEY) {
        return Ok((application.into(), given(CLIENT_KEY).map(Into::into)));
    }
    let input = session.input()?;
    let mut lines = input
        .expose_secret()
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let application = lines.next().ok_or_else(|| {
        Failure::Usage(format!(
            "no application key: give it in {KEY} or on standard input"
        ))
    })?;
    Ok((application.into(), lines.next().map(Into::into)))
}

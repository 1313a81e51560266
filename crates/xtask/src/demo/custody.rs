//! A host's Hytale account from its login to the end of a game session.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::database;
use crate::gateway::Gateway;
use crate::world::World;

/// What the demonstration calls the account.
const NAME: &str = "demo-host";

const POLL: Duration = Duration::from_millis(200);
const POLLS: usize = 100;

/// What was done, and the audit trail of it as PostgreSQL holds it.
#[derive(Serialize)]
pub(crate) struct Custody {
    account_id: String,
    profile: String,
    session_id: String,
    session_refreshed: bool,
    audit: Vec<AuditLine>,
}

#[derive(Serialize)]
struct AuditLine {
    at: String,
    event: String,
    principal: String,
    ip: String,
}

/// Logs in, lists profiles, makes a session, refreshes and ends it.
pub(crate) async fn run(gateway: &Gateway, world: &World) -> Result<Custody> {
    let account_id = login(gateway, world).await?;
    let account = json!({ "account_id": NAME });
    let profiles = gateway.hytale(Method::POST, "profiles", &account).await?;
    let profile = text(&profiles, "/profiles/0/username")?;
    let made = gateway
        .hytale(Method::POST, "game-session", &account)
        .await?;
    let session_id = text(&made, "/session/session_id")?;
    let database = database::connect(&world.database_url).await?;
    // An hour is too long for a demonstration: the session's last minutes begin now.
    database
        .execute(
            "UPDATE hytale_sessions SET expires_at = now() + interval '5 minutes' WHERE id = $1::text::uuid",
            &[&session_id],
        )
        .await
        .context("letting the session grow old")?;
    let session = json!({ "account_id": NAME, "session_id": session_id });
    let refreshed = gateway
        .hytale(Method::PATCH, "game-session", &session)
        .await?;
    let session_refreshed =
        text(&refreshed, "/session/session_token")? != text(&made, "/session/session_token")?;
    gateway
        .hytale(Method::DELETE, "game-session", &session)
        .await?;
    let audit = database
        .query(
            "SELECT to_char(created_at, 'HH24:MI:SS.MS'), event_type, coalesce(principal, ''), \
               coalesce(ip, '') FROM hytale_audit WHERE account_id = $1::text::uuid ORDER BY created_at, id",
            &[&account_id],
        )
        .await
        .context("reading the audit trail")?
        .iter()
        .map(|row| {
            Ok(AuditLine {
                at: row.try_get(0)?,
                event: row.try_get(1)?,
                principal: row.try_get(2)?,
                ip: row.try_get(3)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Custody {
        account_id,
        profile,
        session_id,
        session_refreshed,
        audit,
    })
}

async fn login(gateway: &Gateway, world: &World) -> Result<String> {
    let begun = gateway
        .hytale(Method::POST, "device-code", &json!({ "account_id": NAME }))
        .await?;
    let user_code = text(&begun, "/user_code")?;
    world.hytale.approve(&user_code).await?;
    let poll = json!({ "device_code": text(&begun, "/device_code")? });
    for _ in 0..POLLS {
        let answer = gateway.hytale(Method::POST, "token-poll", &poll).await?;
        if answer["success"] == true {
            return text(&answer, "/account_id");
        }
        tokio::time::sleep(POLL).await;
    }
    bail!("the device login did not end")
}

fn text(answer: &Value, place: &str) -> Result<String> {
    answer
        .pointer(place)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("the gateway's answer lacks {place}"))
}

impl Custody {
    /// For people.
    pub(crate) fn table(&self) -> String {
        let Self {
            account_id,
            profile,
            session_id,
            ..
        } = self;
        let mut text = format!(
            "\nHytale account {account_id}, profile {profile}: session {session_id} made, refreshed, ended\n\n"
        );
        for line in &self.audit {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {:<14}{:<19}{:<10}{}",
                line.at, line.event, line.principal, line.ip
            );
        }
        text
    }

    /// Whether everything that was to be shown has happened.
    pub(crate) fn is_complete(&self) -> bool {
        let events: Vec<&str> = self.audit.iter().map(|line| line.event.as_str()).collect();
        self.session_refreshed
            && events
                == [
                    "TOKEN_CREATED",
                    "SESSION_CREATED",
                    "SESSION_REFRESHED",
                    "SESSION_DELETED",
                ]
    }
}

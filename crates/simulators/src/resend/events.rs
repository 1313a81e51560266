//! Webhooks that Resend sends, signed as Svix signs them.

use std::io;

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{post::post, world::World};
use crate::{shared::Shared, signature::Secret};

/// Beyond what any receiver should bear.
const OUT_OF_TIME: TimeDelta = TimeDelta::minutes(10);

/// What is wrong with a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// It is signed with a secret that nobody knows.
    WrongSignature,
    /// There is no `svix-signature`.
    MissingSignature,
    /// Signed rightly ten minutes ago.
    OldTimestamp,
    /// Signed rightly ten minutes from now.
    FutureTimestamp,
    /// The body has a blank more than the one that was signed.
    AlteredBody,
}

/// A webhook that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Emitted {
    /// Its `svix-id`.
    pub id: String,
    /// Its body.
    pub body: String,
    /// The status that it was answered with.
    pub status: u16,
}

/// What webhooks are signed with, and what was sent.
pub struct Events {
    /// The newest first.
    secrets: Vec<Secret>,
    /// Ids and bodies.
    sent: Vec<(String, String)>,
}

impl Events {
    /// Nothing sent yet.
    pub fn new(secret: Option<Secret>) -> Self {
        Self {
            secrets: vec![secret.unwrap_or_else(Secret::random)],
            sent: Vec::new(),
        }
    }

    /// The secrets in force, the newest first.
    pub fn secrets(&self) -> Vec<Secret> {
        self.secrets.clone()
    }

    /// Signs with a new secret, too.
    pub fn rotate(&mut self) -> Secret {
        let secret = Secret::random();
        self.secrets.insert(0, secret.clone());
        secret
    }

    /// Signs with the newest secret alone.
    pub fn retire(&mut self) {
        self.secrets.truncate(1);
    }

    fn headers(&self, id: &str, body: &str, flaw: Option<Flaw>) -> Vec<(&'static str, String)> {
        let at = match flaw {
            Some(Flaw::OldTimestamp) => Utc::now() - OUT_OF_TIME,
            Some(Flaw::FutureTimestamp) => Utc::now() + OUT_OF_TIME,
            _ => Utc::now(),
        };
        let timestamp = at.timestamp().to_string();
        let sign = |secret: &Secret| secret.sign(id, &timestamp, body.as_bytes());
        let signature = match flaw {
            Some(Flaw::WrongSignature) => sign(&Secret::random()),
            _ => self.secrets.iter().map(sign).collect::<Vec<_>>().join(" "),
        };
        let mut headers = vec![("svix-id", id.to_owned()), ("svix-timestamp", timestamp)];
        if flaw != Some(Flaw::MissingSignature) {
            headers.push(("svix-signature", signature));
        }
        headers
    }
}

/// Sends a new webhook.
///
/// # Errors
/// There was no answer.
pub async fn emit(
    world: &Shared<World>,
    url: &str,
    kind: &str,
    data: Value,
    flaw: Option<Flaw>,
) -> io::Result<Emitted> {
    let created_at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let body = json!({ "type": kind, "created_at": created_at, "data": data }).to_string();
    let id = format!("msg_{}", Uuid::new_v4().simple());
    let sent = (id.clone(), body.clone());
    world.lock().events.sent.push(sent);
    deliver(world, url, id, body, flaw).await
}

/// Sends a webhook once more.
///
/// # Errors
/// There was none with this id, or no answer.
pub async fn replay(world: &Shared<World>, url: &str, id: &str) -> io::Result<Emitted> {
    let sent = world.lock().events.sent.clone();
    let sent = sent.into_iter().find(|(sent, _)| sent == id);
    let (id, body) = sent.ok_or(io::ErrorKind::NotFound)?;
    deliver(world, url, id, body, None).await
}

async fn deliver(
    world: &Shared<World>,
    url: &str,
    id: String,
    mut body: String,
    flaw: Option<Flaw>,
) -> io::Result<Emitted> {
    let headers = world.lock().events.headers(&id, &body, flaw);
    if flaw == Some(Flaw::AlteredBody) {
        body.push(' ');
    }
    let status = post(url, &headers, &body).await?;
    Ok(Emitted { id, body, status })
}

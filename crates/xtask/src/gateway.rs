//! The gateway's API, as its callers see it.

use anyhow::{Context, Result, bail};
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A caller with the service key.
pub(crate) struct Gateway {
    client: Client,
    base: String,
    key: String,
}

/// What `GET /api/v1/sync/status/{id}` says that we show.
#[derive(Debug, Deserialize)]
pub(crate) struct RunStatus {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) metadata: Progress,
}

/// The part of a run's metadata that tells its progress.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Progress {
    pub(crate) step: Option<String>,
    pub(crate) percentage: Option<u64>,
    pub(crate) last_message: Option<String>,
    pub(crate) error: Option<String>,
}

impl RunStatus {
    /// Whether nothing will follow.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.status.as_str(), "COMPLETED" | "FAILED" | "CANCELLED")
    }
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct Triggered {
    sync_log_id: String,
}

impl Gateway {
    pub(crate) fn new(base: &str, key: &str) -> Self {
        Self {
            client: Client::new(),
            base: base.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Asks for a full sync; the answer is the run's id.
    pub(crate) async fn sync_full(&self) -> Result<String> {
        let body = json!({"requested_by": "cargo xtask"});
        let triggered: Triggered = self
            .ask(Method::POST, "/api/v1/sync/full", Some(body))
            .await?;
        Ok(triggered.sync_log_id)
    }

    /// Asks for a full sync of the panel with this name; the answer is the run's id.
    pub(crate) async fn sync_full_of(&self, panel: &str) -> Result<String> {
        let body = json!({"requested_by": "cargo xtask", "panel": panel});
        let triggered: Triggered = self
            .ask(Method::POST, "/api/v1/sync/full", Some(body))
            .await?;
        Ok(triggered.sync_log_id)
    }

    /// How far a run is.
    pub(crate) async fn status(&self, run: &str) -> Result<RunStatus> {
        self.ask(Method::GET, &format!("/api/v1/sync/status/{run}"), None)
            .await
    }

    /// Asks for something of a Hytale account; the answer as it is.
    pub(crate) async fn hytale(&self, method: Method, what: &str, body: &Value) -> Result<Value> {
        self.send(method, &format!("/api/hytale/{what}"), Some(body))
            .await
    }

    /// Orders a mail.
    pub(crate) async fn mail(&self, order: &Value) -> Result<Value> {
        self.send(Method::POST, "/api/v1/email/queue", Some(order))
            .await
    }

    /// Asks for something that only administrators may, with such a key.
    pub(crate) async fn administer(
        &self,
        key: &str,
        method: Method,
        what: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        let other = Self {
            client: self.client.clone(),
            base: self.base.clone(),
            key: key.to_owned(),
        };
        other
            .send(method, &format!("/api/admin/{what}"), body)
            .await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T> {
        let envelope: Envelope<T> = self.send(method, path, body.as_ref()).await?;
        Ok(envelope.data)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .header("X-API-Key", &self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("asking the gateway for {path}"))?;
        let status = answer.status();
        let text = answer
            .text()
            .await
            .with_context(|| format!("reading the answer to {path}"))?;
        if status != StatusCode::OK && status != StatusCode::ACCEPTED {
            bail!("the gateway answered {status} to {path}: {text}");
        }
        serde_json::from_str(&text)
            .with_context(|| format!("the gateway's answer to {path}: {text}"))
    }
}

//! The simulated Hytale as a child process, and what we order of it.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use devstack::Process;
use reqwest::Client;
use serde_json::json;

use crate::services::Launcher;

const READY_LIMIT: Duration = Duration::from_secs(60);

/// Where the simulated Hytale listens.
#[derive(Clone)]
pub(crate) struct Hytale {
    url: String,
    port: u16,
}

impl Hytale {
    pub(crate) fn at(port: u16) -> Self {
        Self {
            url: format!("http://127.0.0.1:{port}"),
            port,
        }
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The variables by which our services find it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("HYTALE_OAUTH_URL", format!("{}/oauth", self.url)),
            (
                "HYTALE_ACCOUNT_DATA_URL",
                format!("{}/account-data", self.url),
            ),
            ("HYTALE_SESSIONS_URL", format!("{}/sessions", self.url)),
        ]
    }

    pub(crate) fn start(&self, launcher: &Launcher<'_>) -> Result<Process> {
        let mut command = launcher.command("simulators");
        command.args(["hytale", "--listen", &format!("127.0.0.1:{}", self.port)]);
        let mut process = launcher.spawn("hytale", command)?;
        process.wait_ready(READY_LIMIT, || {
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        })?;
        Ok(process)
    }

    /// The person enters the code and says yes.
    pub(crate) async fn approve(&self, user_code: &str) -> Result<()> {
        let order = json!({ "approve": { "user_code": user_code } });
        self.tell("orders", &order).await
    }

    /// What it has counted.
    pub(crate) async fn summary(&self) -> Result<serde_json::Value> {
        Client::new()
            .get(format!("{}/__simulator/summary", self.url))
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .context("asking the simulated Hytale")?
            .json()
            .await
            .context("the simulated Hytale's answer")
    }

    /// Orders something of it.
    pub(crate) async fn tell(&self, what: &str, body: &serde_json::Value) -> Result<()> {
        let answer = Client::new()
            .post(format!("{}/__simulator/{what}", self.url))
            .json(body)
            .send()
            .await
            .context("asking the simulated Hytale")?;
        if !answer.status().is_success() {
            bail!("the simulated Hytale refuses {body}: {}", answer.status());
        }
        Ok(())
    }
}

//! A simulated outside system as a child process, and what it has seen.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use devstack::Process;
use reqwest::{Client, Method};
use serde_json::Value;

use crate::services::Launcher;

const READY_LIMIT: Duration = Duration::from_secs(60);

/// Where a simulator listens.
#[derive(Clone)]
pub(crate) struct Simulator {
    name: &'static str,
    url: String,
    port: u16,
    /// Options of the subcommand.
    options: Vec<String>,
    /// Kept: to make one takes longer than to ask.
    client: Client,
}

impl Simulator {
    /// The simulator that the subcommand `name` starts.
    pub(crate) fn at(name: &'static str, port: u16) -> Self {
        Self {
            name,
            url: format!("http://127.0.0.1:{port}"),
            port,
            options: Vec::new(),
            client: Client::new(),
        }
    }

    /// The same, started with an option.
    pub(crate) fn with(mut self, option: &str, value: &str) -> Self {
        self.options.extend([option.to_owned(), value.to_owned()]);
        self
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn start(&self, launcher: &Launcher<'_>) -> Result<Process> {
        let mut command = launcher.command("simulators");
        command.args([self.name, "--listen", &format!("127.0.0.1:{}", self.port)]);
        command.args(&self.options);
        let mut process = launcher.spawn(self.name, command)?;
        process.wait_ready(READY_LIMIT, || {
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        })?;
        Ok(process)
    }

    /// Asks or orders something under its control routes.
    pub(crate) async fn ask(
        &self,
        method: Method,
        what: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        let mut request = self
            .client
            .request(method, format!("{}/__simulator/{what}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .with_context(|| format!("asking the simulated {}", self.name))?
            .json()
            .await
            .with_context(|| format!("the answer of the simulated {}", self.name))
    }
}

//! One database, simulated outside systems, webhooks, and the services that tell them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use devstack::{Process, Stack, free_port};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::database;
use crate::gateway::Gateway;
use crate::panel::random_hex;
use crate::services::{self, Launcher};
use crate::simulator::Simulator;
use crate::world::admin_key;

/// Requests that a notifier makes at once; the bare loop does the same.
pub(crate) const CONCURRENCY: usize = 32;

/// Between two looks at what the database or a simulator says.
const POLL: Duration = Duration::from_millis(200);
/// An orderly end takes no longer.
const GRACE: Duration = Duration::from_secs(30);

/// What all sites stand on.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) stack: &'a Arc<Stack>,
    /// Where our binaries are.
    pub(crate) binaries: &'a Path,
}

/// See the module.
pub(crate) struct Site<'a> {
    pub(crate) launcher: Launcher<'a>,
    pub(crate) stack: Arc<Stack>,
    gateway_process: Option<Process>,
    _simulators: Vec<Process>,
    pub(crate) gateway: Gateway,
    admin_key: String,
    pub(crate) receiver: Simulator,
    pub(crate) discord: Simulator,
    pub(crate) resend: Simulator,
    pub(crate) database_url: String,
    pub(crate) database: Client,
}

impl<'a> Site<'a> {
    /// `name` tells its database and its prefixes from others. A gateway runs, nobody tells.
    pub(crate) async fn start(ground: &Ground<'a>, name: &str) -> Result<Self> {
        let Ground { stack, binaries } = *ground;
        eprintln!("--- {name}");
        let database_url = database::create(stack, name).await?;
        let key = random_hex()?;
        let receiver = Simulator::at("receiver", free_port()?);
        let discord = Simulator::at("discord", free_port()?);
        let resend = Simulator::at("resend", free_port()?);
        let mut environment: BTreeMap<&'static str, String> = stack.environment().into();
        environment.extend([
            ("ENV", "production".to_owned()),
            ("DATABASE_URL", database_url.clone()),
            ("ENCRYPTION_KEY", random_hex()?),
            ("BACKEND_API_KEY", key.clone()),
            ("REDIS_PREFIX", format!("{name}:")),
            ("AMQP_PREFIX", format!("{name}.")),
            // The endpoints stand on loopback.
            ("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8".to_owned()),
            ("NOTIFICATIONS_CONCURRENCY", CONCURRENCY.to_string()),
            ("NOTIFICATIONS_DISCORD_URL", discord.url().to_owned()),
            ("MAIL_RESEND_URL", resend.url().to_owned()),
            // What the simulator knows unless told otherwise.
            ("RESEND_API_KEY", "re_simulated".to_owned()),
            ("EMAIL_FROM", "NodeByte <noreply@example.com>".to_owned()),
            // As in the image (docker/Dockerfile).
            ("MALLOC_ARENA_MAX", "2".to_owned()),
            ("MALLOC_MMAP_THRESHOLD_", "131072".to_owned()),
        ]);
        let launcher = Launcher::new(stack, binaries.to_owned(), environment);
        let simulators = vec![
            receiver.start(&launcher)?,
            discord.start(&launcher)?,
            resend.start(&launcher)?,
        ];
        launcher.run("nodebyte", &["migrate"])?;
        let admin_key = admin_key(&launcher)?;
        let port = free_port()?;
        let mut gateway_process = launcher.start(services::named("auth-gateway")?, port)?;
        services::wait_ready(&mut gateway_process, port)?;
        Ok(Self {
            launcher,
            stack: Arc::clone(stack),
            gateway_process: Some(gateway_process),
            _simulators: simulators,
            gateway: Gateway::new(&format!("http://127.0.0.1:{port}"), &key),
            admin_key,
            receiver,
            discord,
            resend,
            database: database::connect(&database_url).await?,
            database_url,
        })
    }

    /// Asks the gateway for something that administrators may.
    pub(crate) async fn administer(&self, what: &str, body: &Value) -> Result<Value> {
        self.gateway
            .administer(&self.admin_key, Method::POST, what, Some(body))
            .await
    }

    /// Makes a webhook for events about game servers, whose fields are like this.
    pub(crate) async fn webhook(
        &self,
        name: &str,
        address: &str,
        conditions: &Value,
    ) -> Result<()> {
        let form = json!({
            "name": name, "webhookUrl": address, "type": "GAME_SERVER", "scope": "ADMIN",
            "conditions": conditions,
        });
        self.administer("settings/webhooks", &form).await.map(drop)
    }

    /// Makes signed webhooks at the paths `/0`, `/1`, … of the receiver.
    pub(crate) async fn endpoints(&self, count: usize) -> Result<()> {
        for place in 0..count {
            let address = format!("{}/{place}", self.receiver.url());
            self.webhook(&format!("endpoint {place}"), &address, &json!([]))
                .await?;
        }
        Ok(())
    }

    /// Ends the gateway: from now on notifiers alone publish and tell.
    pub(crate) fn close_gateway(&mut self) -> Result<()> {
        if let Some(mut gateway) = self.gateway_process.take() {
            gateway.terminate(GRACE)?;
        }
        Ok(())
    }

    /// Starts a notifier and waits until it is ready.
    pub(crate) fn notifier(&self, name: &str) -> Result<Process> {
        let (mut process, port) = self.begin(name)?;
        services::wait_ready(&mut process, port)?;
        Ok(process)
    }

    /// Starts a notifier, and its port.
    pub(crate) fn begin(&self, name: &str) -> Result<(Process, u16)> {
        self.begin_service("notifier", name)
    }

    /// Starts a service, and its port.
    pub(crate) fn begin_service(&self, binary: &str, name: &str) -> Result<(Process, u16)> {
        let service = services::named(binary)?;
        let port = free_port()?;
        let mut command = self.launcher.command(service.binary);
        command.env(service.port_variable, port.to_string());
        Ok((self.launcher.spawn(name, command)?, port))
    }

    /// Ends a process in order.
    pub(crate) fn end(mut process: Process) -> Result<()> {
        process.terminate(GRACE).map(drop)
    }

    /// A number from the database.
    pub(crate) async fn number(&self, query: &str) -> Result<i64> {
        let row = self.database.query_one(query, &[]).await;
        Ok(row.with_context(|| query.to_owned())?.try_get(0)?)
    }
}

/// Waits until something holds; says whether it did in time.
pub(crate) async fn holds(
    patience: Duration,
    mut what: impl AsyncFnMut() -> Result<bool>,
) -> Result<bool> {
    let deadline = tokio::time::Instant::now() + patience;
    while !what().await? {
        if tokio::time::Instant::now() > deadline {
            return Ok(false);
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(true)
}

/// Waits until something holds; `process` has the last words if it does not in time.
pub(crate) async fn until(
    what: &str,
    process: &Process,
    patience: Duration,
    check: impl AsyncFnMut() -> Result<bool>,
) -> Result<()> {
    if !holds(patience, check).await? {
        bail!("waited in vain for {what}\n{}", process.log_tail(20));
    }
    Ok(())
}

//! The whole system on this machine: servers, database, panel, services.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use devstack::{Options, Ports, Process, Stack, free_port};

use crate::hytale::Hytale;
use crate::panel::{PanelAccess, PanelSource, random_hex};
use crate::services::{self, Launcher};
use crate::simulator::Simulator;
use crate::{database, shell};

/// A running system. Dropped, everything that was started for it ends.
pub(crate) struct World {
    // Dropped in this order: processes before the servers they use.
    processes: Vec<Process>,
    _stack: Stack,
    pub(crate) database_url: String,
    pub(crate) backend_api_key: String,
    /// The key of a client that may administer.
    pub(crate) admin_key: String,
    pub(crate) hytale: Hytale,
    pub(crate) discord: Simulator,
    /// Somebody's endpoint for signed webhooks.
    pub(crate) receiver: Simulator,
    pub(crate) resend: Simulator,
    /// What can be opened, by name.
    pub(crate) urls: BTreeMap<&'static str, String>,
}

impl World {
    /// Starts the servers, builds, migrates, starts the panel and the services, and waits until
    /// all of them are ready.
    pub(crate) async fn start(options: &Options, panel: &PanelSource) -> Result<Self> {
        Self::start_with(options, panel, &[]).await
    }

    /// The same, with settings of its own.
    pub(crate) async fn start_with(
        options: &Options,
        panel: &PanelSource,
        settings: &[(&'static str, &str)],
    ) -> Result<Self> {
        eprintln!("starting PostgreSQL, Redis and RabbitMQ");
        let stack = Stack::start(options)?;
        shell::build()?;

        let database_url = if stack.postgres().is_private() {
            database::create(&stack, "nodebyte").await?
        } else {
            stack.database_url().to_owned()
        };
        let ports = WorldPorts::choose(options.ports)?;
        let access = match panel {
            PanelSource::Real(access) => access.clone(),
            PanelSource::Simulated(_) | PanelSource::Recorded(_) => {
                PanelAccess::simulated(ports.panel)?
            }
        };
        let hytale = Hytale::at(ports.hytale);
        let discord = Simulator::at("discord", ports.discord);
        let receiver = Simulator::at("receiver", ports.receiver);
        // Hexadecimal digits are base64, too.
        let resend_webhook_secret = format!("whsec_{}", random_hex()?);
        let resend =
            Simulator::at("resend", ports.resend).with("--signing-secret", &resend_webhook_secret);
        let backend_api_key = secret("BACKEND_API_KEY")?;

        let mut environment: BTreeMap<&'static str, String> = stack.environment().into();
        environment.extend(access.environment());
        environment.extend(hytale.environment());
        environment.extend([
            ("ENV", "development".to_owned()),
            ("DATABASE_URL", database_url.clone()),
            ("ENCRYPTION_KEY", secret("ENCRYPTION_KEY")?),
            ("BACKEND_API_KEY", backend_api_key.clone()),
            ("NOTIFICATIONS_DISCORD_URL", discord.url().to_owned()),
            ("MAIL_RESEND_URL", resend.url().to_owned()),
            // What the simulator knows unless told otherwise.
            ("RESEND_API_KEY", "re_simulated".to_owned()),
            ("RESEND_WEBHOOK_SECRET", resend_webhook_secret),
            ("EMAIL_FROM", "NodeByte <noreply@example.com>".to_owned()),
            // The endpoints of this machine stand on loopback.
            ("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8".to_owned()),
        ]);
        environment.extend(
            settings
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let launcher = Launcher::new(&stack, shell::binaries("debug")?, environment);

        eprintln!("starting the panel, Hytale, Discord, Resend and somebody's endpoint");
        let mut processes: Vec<Process> = panel
            .start(&launcher, &access, ports.panel, &[])?
            .into_iter()
            .collect();
        processes.push(hytale.start(&launcher)?);
        processes.push(discord.start(&launcher)?);
        processes.push(receiver.start(&launcher)?);
        processes.push(resend.start(&launcher)?);
        eprintln!("migrating the database");
        launcher.run("nodebyte", &["migrate"])?;
        let admin_key = admin_key(&launcher)?;

        eprintln!("starting the services");
        let first = processes.len();
        for (service, port) in services::ALL.iter().zip(ports.services) {
            processes.push(launcher.start(service, port)?);
        }
        for (process, port) in processes.iter_mut().skip(first).zip(ports.services) {
            services::wait_ready(process, port)?;
        }

        let mut urls = urls(&access, &stack, ports.services);
        urls.insert("hytale", hytale.url().to_owned());
        urls.insert("discord", discord.url().to_owned());
        urls.insert("receiver", receiver.url().to_owned());
        urls.insert("resend", resend.url().to_owned());
        Ok(Self {
            processes,
            _stack: stack,
            database_url,
            backend_api_key,
            admin_key,
            hytale,
            discord,
            receiver,
            resend,
            urls,
        })
    }

    /// The gateway's address, without a path.
    pub(crate) fn gateway(&self) -> &str {
        self.urls.get("gateway").map_or("", String::as_str)
    }

    /// Shows what the processes write from now on.
    pub(crate) fn follow_logs(&self) -> Result<()> {
        self.processes
            .iter()
            .try_for_each(|process| services::follow(process.name(), process.log()))
    }

    /// The last words of every process.
    pub(crate) fn last_words(&self) -> String {
        services::last_words(&self.processes)
    }

    /// Ends the services in order, then everything else.
    pub(crate) fn stop(self) -> Result<()> {
        services::stop(self.processes)
    }
}

struct WorldPorts {
    /// In the order of [`services::ALL`].
    services: [u16; 4],
    panel: u16,
    hytale: u16,
    discord: u16,
    receiver: u16,
    resend: u16,
}

impl WorldPorts {
    fn choose(ports: Ports) -> Result<Self> {
        Ok(match ports {
            Ports::Fixed => Self {
                services: [8081, 8082, 8083, 8080],
                panel: 8090,
                hytale: 8091,
                discord: 8092,
                receiver: 8093,
                resend: 8094,
            },
            Ports::Free => Self {
                services: [free_port()?, free_port()?, free_port()?, free_port()?],
                panel: free_port()?,
                hytale: free_port()?,
                discord: free_port()?,
                receiver: free_port()?,
                resend: free_port()?,
            },
        })
    }
}

fn urls(access: &PanelAccess, stack: &Stack, ports: [u16; 4]) -> BTreeMap<&'static str, String> {
    let mut urls = BTreeMap::from([
        ("panel", access.url.clone()),
        (
            "rabbitmq_management",
            stack.rabbitmq_management_url().to_owned(),
        ),
    ]);
    for (service, port) in services::ALL.iter().zip(ports) {
        let base = format!("http://127.0.0.1:{port}");
        match service.binary {
            "auth-gateway" => {
                urls.insert("openapi", format!("{base}/api/openapi.json"));
                urls.insert("docs", format!("{base}/docs"));
                urls.insert("health", format!("{base}/health"));
                urls.insert("gateway", base);
            }
            "sync-worker" => {
                urls.insert("worker_metrics", format!("{base}/metrics"));
            }
            _ => {}
        }
    }
    urls
}

/// Makes a client that may administer.
pub(crate) fn admin_key(launcher: &Launcher<'_>) -> Result<String> {
    let arguments = [
        "--json", "api-key", "create", "--client", "demo", "--scopes", "admin",
    ];
    let made = launcher.run("nodebyte", &arguments)?;
    let made: serde_json::Value = serde_json::from_str(&made).context("the key's JSON")?;
    let key = made["key"].as_str().context("the key")?;
    Ok(key.to_owned())
}

/// The environment's value, with which a named database may have been used before; else a fresh one.
fn secret(variable: &str) -> Result<String> {
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => random_hex(),
    }
}

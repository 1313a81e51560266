//! One database, a simulated Hytale, gateways, and callers.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use devstack::{Process, Stack, free_port};
use serde::Deserialize;
use serde_json::Value;
use tokio_postgres::Client;

use super::cores::Cores;
use crate::database;
use crate::hytale::Hytale;
use crate::panel::random_hex;
use crate::services::{self, Launcher};

/// The route that is measured: authenticated, limited, and with next to nothing behind it.
pub(crate) const ROUTE: &str = "/api/v1/me";

/// Requests a minute that each caller may make.
pub(crate) const LIMIT: u32 = 6_000;

const READY_LIMIT: Duration = Duration::from_secs(60);

/// What all sites stand on.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) cores: &'a Cores,
    /// Where our binaries are.
    pub(crate) binaries: &'a Path,
}

/// See the module.
pub(crate) struct Site<'a> {
    launcher: Launcher<'a>,
    cores: &'a Cores,
    credentials: PathBuf,
    /// The installation's key.
    pub(crate) key: String,
    pub(crate) hytale: Hytale,
    _hytale: Process,
    pub(crate) database: Client,
}

/// A running server.
pub(crate) struct Server {
    pub(crate) process: Process,
    /// Host and port.
    pub(crate) address: String,
}

/// What `load drive` says.
#[derive(Deserialize)]
pub(crate) struct Driven {
    requests: u32,
    pub(crate) seconds: f64,
    pub(crate) p99_us: f64,
    statuses: BTreeMap<u16, u64>,
}

impl Driven {
    /// Requests that were counted.
    pub(crate) fn requests(&self) -> f64 {
        f64::from(self.requests)
    }

    /// Requests in all, those that warmed up included.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn all(&self) -> f64 {
        self.statuses.values().sum::<u64>() as f64
    }
}

impl<'a> Site<'a> {
    /// `name` tells its database and its prefixes from others.
    pub(crate) async fn start(ground: &Ground<'a>, name: &str) -> Result<Self> {
        let Ground {
            stack,
            cores,
            binaries,
        } = *ground;
        eprintln!("--- {name}");
        let database_url = database::create(stack, name).await?;
        let key = random_hex()?;
        let hytale = Hytale::at(free_port()?);
        let mut environment: BTreeMap<&'static str, String> = stack.environment().into();
        environment.extend(hytale.environment());
        environment.extend([
            ("ENV", "production".to_owned()),
            ("DATABASE_URL", database_url.clone()),
            ("ENCRYPTION_KEY", random_hex()?),
            ("BACKEND_API_KEY", key.clone()),
            ("REDIS_PREFIX", format!("{name}:")),
            ("AMQP_PREFIX", format!("{name}.")),
            ("LIMITS_KEY", LIMIT.to_string()),
            ("LIMITS_BEARER", LIMIT.to_string()),
            // Here all callers come from one address, and each is unknown at first.
            ("LIMITS_FAILED_CREDENTIALS", "1000000".to_owned()),
            // As in the image (docker/Dockerfile).
            ("MALLOC_ARENA_MAX", "2".to_owned()),
            ("MALLOC_MMAP_THRESHOLD_", "131072".to_owned()),
        ]);
        let launcher = Launcher::new(stack, binaries.to_owned(), environment);
        let simulated = hytale.start(&launcher)?;
        launcher.run("nodebyte", &["migrate"])?;
        let credentials = stack.directory().join(name);
        std::fs::create_dir_all(&credentials).context("creating a directory for credentials")?;
        Ok(Self {
            launcher,
            cores,
            credentials,
            key,
            hytale,
            _hytale: simulated,
            database: database::connect(&database_url).await?,
        })
    }

    /// Starts a gateway on the server's core and waits until it is ready.
    pub(crate) fn gateway(
        &self,
        name: &str,
        variables: &[(&'static str, String)],
    ) -> Result<Server> {
        self.service("auth-gateway", name, variables)
    }

    /// Starts a service on the server's core and waits until it is ready.
    pub(crate) fn service(
        &self,
        binary: &str,
        name: &str,
        variables: &[(&'static str, String)],
    ) -> Result<Server> {
        let service = services::named(binary)?;
        let port = free_port()?;
        let mut command = self.launcher.command(service.binary);
        command
            .env(service.port_variable, port.to_string())
            .envs(variables.iter().cloned());
        let command = self.cores.for_server(command);
        let mut process = self.launcher.spawn(name, command)?;
        services::wait_ready(&mut process, port)?;
        Ok(Server {
            process,
            address: format!("127.0.0.1:{port}"),
        })
    }

    /// Starts the server that does nothing but answer `body`.
    pub(crate) fn bare(&self, body: &str) -> Result<Server> {
        let port = free_port()?;
        let address = format!("127.0.0.1:{port}");
        let mut command = self.launcher.command("load");
        command
            .args(["bare", "--listen", &address])
            .args(["--path", ROUTE, "--body", body]);
        let command = self.cores.for_server(command);
        let mut process = self.launcher.spawn("bare", command)?;
        process.wait_ready(READY_LIMIT, || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        })?;
        Ok(Server { process, address })
    }

    /// Makes callers: users with tokens (`bearers`), clients with keys (`keys`).
    pub(crate) fn credentials(&self, bearers: usize, keys: usize) -> Result<()> {
        let directory = self.credentials.to_string_lossy().into_owned();
        let (bearers, keys) = (bearers.to_string(), keys.to_string());
        self.launcher.run(
            "load",
            &[
                "credentials",
                "--bearers",
                &bearers,
                "--keys",
                &keys,
                "--into",
                &directory,
            ],
        )?;
        Ok(())
    }

    /// The first header of a file of credentials, as name and value.
    pub(crate) fn credential(&self, file: &str) -> Result<(String, String)> {
        let text = std::fs::read_to_string(self.credentials.join(file))
            .with_context(|| format!("reading {file}"))?;
        let line = text.lines().next().unwrap_or_default();
        let (name, value) = line.split_once(": ").context("no credentials")?;
        Ok((name.to_owned(), value.to_owned()))
    }

    /// Has callers ask a server for the route; each answer must be a 200. `credentials`
    /// names the file of those who ask.
    pub(crate) fn drive(
        &self,
        server: &Server,
        credentials: &str,
        arguments: &[&str],
    ) -> Result<Driven> {
        let mut command = self.launcher.command("load");
        command
            .args(["drive", "--address", &server.address, "--path", ROUTE])
            .arg("--credentials")
            .arg(self.credentials.join(credentials))
            .args(arguments);
        let output = command.output().context("starting load")?;
        if !output.status.success() {
            bail!(
                "load failed ({}): {}\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr),
                server.process.log_tail(20)
            );
        }
        let driven: Driven =
            serde_json::from_slice(&output.stdout).context("what load has printed")?;
        ensure!(
            driven.statuses.keys().eq([&200]),
            "not every answer was a 200: {:?}\n{}",
            driven.statuses,
            server.process.log_tail(20)
        );
        Ok(driven)
    }

    /// A number from the database.
    pub(crate) async fn number(&self, query: &str) -> Result<i64> {
        let row = self.database.query_one(query, &[]).await;
        Ok(row.with_context(|| query.to_owned())?.try_get(0)?)
    }

    /// What the simulated Hytale has counted.
    pub(crate) async fn summary(&self) -> Result<Value> {
        self.hytale.summary().await
    }
}

//! One panel, one database, one gateway and some workers, on a stack that scenarios share.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devstack::{Process, Stack, free_port};
use tokio_postgres::Client;

use super::mirror;
use crate::gateway::Gateway;
use crate::panel::{PanelAccess, PanelSource, Size, random_hex};
use crate::services::{self, Launcher};
use crate::{database, shell};

const POLL: Duration = Duration::from_millis(250);
/// Past this a run is considered stuck: the slowest scenario waits for two rate limit windows.
const RUN_LIMIT: Duration = Duration::from_secs(900);

/// What a scenario is made of.
pub(crate) struct Setting {
    /// Names its database and prefixes.
    pub(crate) name: &'static str,
    pub(crate) size: Size,
    pub(crate) workers: usize,
    /// Requests a minute that the panel allows.
    pub(crate) rate_limit: u32,
}

/// A running scenario.
pub(crate) struct Scenario<'a> {
    launcher: Launcher<'a>,
    workers: Vec<Process>,
    _gateway: Process,
    _panel: Option<Process>,
    gateway: Gateway,
    pub(crate) access: PanelAccess,
    /// A connection that no figure counts.
    pub(crate) client: Client,
    worker_database_url: String,
}

impl<'a> Scenario<'a> {
    pub(crate) async fn start(stack: &'a Stack, setting: &Setting) -> Result<Self> {
        eprintln!("--- {}", setting.name);
        let database_url = database::create(stack, setting.name).await?;
        let client = database::connect(&database_url).await?;
        mirror::prepare(&client).await?;

        let panel_port = free_port()?;
        let access = PanelAccess::simulated(panel_port)?;
        let backend_api_key = random_hex()?;
        let mut environment: BTreeMap<&'static str, String> = stack.environment().into();
        environment.extend(access.environment());
        environment.extend([
            ("ENV", "development".to_owned()),
            ("DATABASE_URL", database_url.clone()),
            ("ENCRYPTION_KEY", random_hex()?),
            ("BACKEND_API_KEY", backend_api_key.clone()),
            // Scenarios share Redis and RabbitMQ, and must not see each other there.
            ("REDIS_PREFIX", format!("{}:", setting.name)),
            ("AMQP_PREFIX", format!("{}.", setting.name)),
            // As in the image (docker/Dockerfile).
            ("MALLOC_ARENA_MAX", "2".to_owned()),
            ("MALLOC_MMAP_THRESHOLD_", "131072".to_owned()),
        ]);
        let launcher = Launcher::new(stack, shell::binaries("release")?, environment);
        let rate_limit = setting.rate_limit.to_string();
        let panel = PanelSource::Simulated(setting.size).start(
            &launcher,
            &access,
            panel_port,
            &["--latency", "measured", "--rate-limit", &rate_limit],
        )?;
        launcher.run("nodebyte", &["migrate"])?;

        let gateway_port = free_port()?;
        let mut gateway = launcher.start(services::named("auth-gateway")?, gateway_port)?;
        services::wait_ready(&mut gateway, gateway_port)?;
        let mut scenario = Self {
            launcher,
            workers: Vec::new(),
            _gateway: gateway,
            _panel: panel,
            gateway: Gateway::new(
                &format!("http://127.0.0.1:{gateway_port}"),
                &backend_api_key,
            ),
            access,
            client,
            worker_database_url: database_url.replacen(
                "postgres@",
                &format!("{}@", mirror::WORKER_ROLE),
                1,
            ),
        };
        scenario.start_workers(setting.workers)?;
        Ok(scenario)
    }

    /// Starts workers and waits until they are ready.
    pub(crate) fn start_workers(&mut self, count: usize) -> Result<()> {
        let service = services::named("sync-worker")?;
        for _ in 0..count {
            let port = free_port()?;
            let mut command = self.launcher.command(service.binary);
            command
                .env(service.port_variable, port.to_string())
                .env("DATABASE_URL", &self.worker_database_url);
            let mut worker = self.launcher.spawn(service.binary, command)?;
            services::wait_ready(&mut worker, port)?;
            self.workers.push(worker);
        }
        Ok(())
    }

    /// Ends the workers in order; their backends then have reported all they did.
    pub(crate) fn stop_workers(&mut self) -> Result<()> {
        services::stop(std::mem::take(&mut self.workers))
    }

    /// The first worker's process id.
    pub(crate) fn worker(&self) -> Result<u32> {
        Ok(self.workers.first().context("no worker runs")?.id())
    }

    /// Carries a full sync to its end; the answer is the run's id.
    pub(crate) async fn sync(&self) -> Result<String> {
        let run = self.gateway.sync_full().await?;
        let watched = async {
            loop {
                let status = self.gateway.status(&run).await?;
                if status.is_terminal() {
                    return anyhow::Ok(status);
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let status = tokio::time::timeout(RUN_LIMIT, watched)
            .await
            .with_context(|| {
                format!(
                    "the run has not ended:\n{}",
                    services::last_words(&self.workers)
                )
            })??;
        ensure!(
            status.status == "COMPLETED",
            "the run ended {}: {:?}\n{}",
            status.status,
            status.metadata,
            services::last_words(&self.workers)
        );
        Ok(run)
    }
}

//! The three servers together.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::guardian::Guardian;
use crate::ports::free_port;
use crate::rabbitmq::NodePorts;
use crate::server::Server;
use crate::{install, postgres, rabbitmq, redis};

/// Where the servers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What `DATABASE_URL`, `REDIS_URL` and `AMQP_URL` name; private ones where a name is missing.
    Environment,
    /// Private ones, whatever the environment says: for measurements and for tests that kill them.
    Private,
}

/// What a private PostgreSQL does to survive a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing (fsync and full-page writes off): for tests and demonstrations.
    Fast,
    /// What a fresh installation does: for measurements.
    Default,
}

/// Which ports private servers listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Any that are free.
    Free,
    /// Always the same: PostgreSQL 15432, Redis 16379, RabbitMQ 15672, its management 15673.
    Fixed,
}

/// What [`Stack::start`] starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the servers come from.
    pub source: Source,
    /// What a private PostgreSQL does to survive a crash of the machine.
    pub durability: Durability,
    /// Which ports private servers listen on.
    pub ports: Ports,
    /// More settings for a private PostgreSQL, each `name=value`; later ones win.
    pub postgres_settings: Vec<String>,
}

impl Options {
    /// For development and tests: the environment's servers, else private ones, fast, on free ports.
    #[must_use]
    pub fn new() -> Self {
        Self {
            source: Source::Environment,
            durability: Durability::Fast,
            ports: Ports::Free,
            postgres_settings: Vec::new(),
        }
    }

    /// Private servers whatever the environment says, fast, on free ports.
    #[must_use]
    pub fn private() -> Self {
        Self {
            source: Source::Private,
            ..Self::new()
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// A running PostgreSQL, Redis and RabbitMQ. Private ones end when this value is dropped.
#[derive(Debug)]
pub struct Stack {
    // Fields are dropped in this order: servers, then their guardian, then their files.
    postgres: Server,
    redis: Server,
    rabbitmq: Server,
    rabbitmq_management_url: String,
    guardian: Arc<Guardian>,
    directory: TempDir,
}

impl Stack {
    /// Gets the three servers and waits until each private one answers.
    ///
    /// # Errors
    /// When a server is neither named nor installable, or does not start; the text says which and
    /// what to do.
    pub fn start(options: &Options) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("nodebyte-")
            .tempdir()
            .context("creating a temporary directory")?;
        // PostgreSQL may run as another user, who has to pass through.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o711))
            .context("opening the temporary directory")?;
        let guardian = Arc::new(Guardian::start(directory.path())?);

        let named = |variable: &str| match options.source {
            Source::Environment => env::var(variable).ok().filter(|value| !value.is_empty()),
            Source::Private => None,
        };
        let (database_url, redis_url, amqp_url) =
            (named("DATABASE_URL"), named("REDIS_URL"), named("AMQP_URL"));
        let wanted: Vec<&str> = [
            ("PostgreSQL", &database_url),
            ("Redis", &redis_url),
            ("RabbitMQ", &amqp_url),
        ]
        .into_iter()
        .filter(|(_, url)| url.is_none())
        .map(|(name, _)| name)
        .collect();
        install::ensure(&wanted)?;

        let chosen = ChosenPorts::choose(options.ports)?;
        let rabbitmq_management_url = match (&amqp_url, named("RABBITMQ_MANAGEMENT_URL")) {
            (None, _) => format!(
                "http://guest:guest@127.0.0.1:{}",
                chosen.rabbitmq.management
            ),
            (Some(_), Some(url)) => url,
            (Some(amqp_url), None) => usual_management_url(amqp_url)?,
        };

        let base = directory.path();
        let (postgres, redis, rabbitmq) = std::thread::scope(|scope| {
            let postgres = scope.spawn(|| match database_url {
                Some(url) => Ok(Server::adopted("PostgreSQL", url)),
                None => postgres::start(
                    &subdirectory(base, "postgres")?,
                    chosen.postgres,
                    options.durability,
                    &options.postgres_settings,
                    &guardian,
                ),
            });
            let redis = scope.spawn(|| match redis_url {
                Some(url) => Ok(Server::adopted("Redis", url)),
                None => redis::start(&subdirectory(base, "redis")?, chosen.redis, &guardian),
            });
            let rabbitmq = match amqp_url {
                Some(url) => Ok(Server::adopted("RabbitMQ", url)),
                None => subdirectory(base, "rabbitmq")
                    .and_then(|directory| rabbitmq::start(&directory, chosen.rabbitmq, &guardian)),
            };
            (joined(postgres), joined(redis), rabbitmq)
        });
        Ok(Self {
            postgres: postgres?,
            redis: redis?,
            rabbitmq: rabbitmq?,
            rabbitmq_management_url,
            guardian,
            directory,
        })
    }

    /// PostgreSQL.
    #[must_use]
    pub fn postgres(&self) -> &Server {
        &self.postgres
    }

    /// Redis.
    #[must_use]
    pub fn redis(&self) -> &Server {
        &self.redis
    }

    /// RabbitMQ.
    #[must_use]
    pub fn rabbitmq(&self) -> &Server {
        &self.rabbitmq
    }

    /// `postgres://…`, to the maintenance database of a private server.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.postgres.url()
    }

    /// `redis://…`.
    #[must_use]
    pub fn redis_url(&self) -> &str {
        self.redis.url()
    }

    /// `amqp://…`, to the default virtual host of a private server.
    #[must_use]
    pub fn amqp_url(&self) -> &str {
        self.rabbitmq.url()
    }

    /// `http://…` of RabbitMQ's management API, credentials included.
    #[must_use]
    pub fn rabbitmq_management_url(&self) -> &str {
        &self.rabbitmq_management_url
    }

    /// The environment variables by which tests and services find these servers.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("DATABASE_URL", self.database_url().to_owned()),
            ("REDIS_URL", self.redis_url().to_owned()),
            ("AMQP_URL", self.amqp_url().to_owned()),
            (
                "RABBITMQ_MANAGEMENT_URL",
                self.rabbitmq_management_url.clone(),
            ),
        ]
    }

    /// Who kills our children when we die; for more processes that live as long as the stack.
    #[must_use]
    pub fn guardian(&self) -> &Arc<Guardian> {
        &self.guardian
    }

    /// A directory that goes with the stack, for the logs of such processes.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

struct ChosenPorts {
    postgres: u16,
    redis: u16,
    rabbitmq: NodePorts,
}

impl ChosenPorts {
    fn choose(ports: Ports) -> Result<Self> {
        Ok(match ports {
            Ports::Fixed => Self {
                postgres: 15_432,
                redis: 16_379,
                rabbitmq: NodePorts {
                    amqp: 15_672,
                    management: 15_673,
                    distribution: 25_673,
                    mapper: 14_369,
                },
            },
            Ports::Free => Self {
                postgres: free_port()?,
                redis: free_port()?,
                rabbitmq: NodePorts {
                    amqp: free_port()?,
                    management: free_port()?,
                    distribution: free_port()?,
                    mapper: free_port()?,
                },
            },
        })
    }
}

/// RabbitMQ's own default: same host, same credentials, port 15672.
fn usual_management_url(amqp_url: &str) -> Result<String> {
    let Some((_, rest)) = amqp_url.split_once("://") else {
        bail!("AMQP_URL is not a URL");
    };
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let (credentials, host) = authority
        .rsplit_once('@')
        .unwrap_or(("guest:guest", authority));
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    Ok(format!("http://{credentials}@{host}:15672"))
}

fn subdirectory(base: &Path, name: &str) -> Result<std::path::PathBuf> {
    let directory = base.join(name);
    fs::create_dir(&directory).with_context(|| format!("creating {}", directory.display()))?;
    Ok(directory)
}

fn joined(thread: std::thread::ScopedJoinHandle<'_, Result<Server>>) -> Result<Server> {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

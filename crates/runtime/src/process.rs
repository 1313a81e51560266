//! The frame that a service's `main` runs in: arguments, configuration, TLS
//! provider, Sentry, logs, metrics, signals, exit code.

use std::error::Error;
use std::future::Future;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use slog::{Logger, crit, info, warn};

use crate::config::{Config, Environment, Sources};
use crate::error_chain::ErrorChain;
use crate::log::Logging;
use crate::shutdown::Shutdown;
use crate::{metrics, sentry};

/// What a service's work may fail with.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The exit code of a process whose arguments or configuration cannot be used;
/// one that fails later ends with 1.
pub const EXIT_CONFIG: u8 = 2;

/// What the frame hands to a service.
pub struct Process {
    /// The checked configuration.
    pub config: Arc<Config>,
    /// The root logger.
    pub log: Logger,
    /// Requested by SIGTERM or SIGINT.
    pub shutdown: Shutdown,
}

/// A port cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

impl Process {
    /// The listener of a service without a public API (`http.ops_port`).
    ///
    /// # Errors
    /// The port is taken or not allowed.
    pub fn listen_ops(&self) -> Result<TcpListener, ListenError> {
        self.listen(self.config.http.ops_port)
    }

    /// The gateway's listener (`http.port`).
    ///
    /// # Errors
    /// The port is taken or not allowed.
    pub fn listen_public(&self) -> Result<TcpListener, ListenError> {
        self.listen(self.config.http.port)
    }

    fn listen(&self, port: u16) -> Result<TcpListener, ListenError> {
        let address = SocketAddr::new(self.config.http.bind, port);
        TcpListener::bind(address).map_err(|source| ListenError { address, source })
    }
}

/// Makes rustls use ring, for every library in the process. The first call
/// counts; more are harmless.
pub fn install_crypto_provider() {
    // The error is a provider installed before, which can only be this one: no
    // other is in the tree.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Runs a service to its end. The whole of a service's `main`.
pub fn run<F, R>(service: &'static str, work: F) -> ExitCode
where
    F: FnOnce(Process) -> R,
    R: Future<Output = Result<(), BoxError>>,
{
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(wrong) => return refuse(&format!("{wrong}\n{}", Arguments::usage(service))),
    };
    let config = match Config::load(&Sources::of_process(arguments.config)) {
        Ok(config) => config,
        Err(errors) => return refuse(&errors.to_string()),
    };
    if arguments.check_config {
        return match io::stdout().write_all(config.redacted().as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_closed) => ExitCode::FAILURE,
        };
    }
    install_crypto_provider();
    let reporting = sentry::start(&config, service);
    let logging = Logging::start(&config, service);
    metrics::install();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let code = match runtime {
        Ok(runtime) => runtime.block_on(Box::pin(serve(config, &logging.root, work))),
        Err(error) => {
            crit!(logging.root, "cannot start"; "error" => ErrorChain(&error));
            ExitCode::FAILURE
        }
    };
    logging.finish();
    drop(reporting);
    code
}

async fn serve<F, R>(config: Config, log: &Logger, work: F) -> ExitCode
where
    F: FnOnce(Process) -> R,
    R: Future<Output = Result<(), BoxError>>,
{
    info!(log, "starting";
        "version" => env!("CARGO_PKG_VERSION"),
        "environment" => config.environment.as_str());
    if config.environment == Environment::Development && config.security.encryption_key.is_none() {
        warn!(log, "no ENCRYPTION_KEY: secrets cannot be stored");
    }
    if let Err(error) = raise_open_files() {
        warn!(log, "the limit of open files stays as it is"; "error" => ErrorChain(&error));
    }
    tokio::spawn(metrics::keep_up());
    let shutdown = match Shutdown::signals() {
        Ok(shutdown) => shutdown,
        Err(error) => {
            crit!(log, "cannot listen for signals"; "error" => ErrorChain(&error));
            return ExitCode::FAILURE;
        }
    };
    let process = Process {
        config: Arc::new(config),
        log: log.clone(),
        shutdown,
    };
    match work(process).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crit!(log, "stopped by an error"; "error" => ErrorChain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Takes as many open files as the system lets us have. Shells and systemd start
/// processes with 1,024 for the sake of programs that use `select`; a connection is
/// one, and where none is left not even a health probe is answered.
fn raise_open_files() -> nix::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(())
}

/// There is no logger yet, so this goes to stderr as it is.
fn refuse(text: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::from(EXIT_CONFIG)
}

/// A service's arguments.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    config: Option<PathBuf>,
    check_config: bool,
}

impl Arguments {
    fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--check-config" => arguments.check_config = true,
                "--config" => {
                    let path = words.next().ok_or("--config needs a path")?;
                    arguments.config = Some(PathBuf::from(path));
                }
                _ => return Err(format!("unknown argument: {word}")),
            }
        }
        Ok(arguments)
    }

    fn usage(service: &str) -> String {
        format!("usage: {service} [--config FILE] [--check-config]")
    }
}

//! One of the three servers, ours or somebody else's.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::guardian::Guardian;
use crate::process::Process;

/// How long a server may take to answer; RabbitMQ takes 8 s on two busy cores.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// How long an orderly stop may take before it is enforced.
const STOP_GRACE: Duration = Duration::from_secs(30);
/// PostgreSQL refuses to start while a killed backend still holds its shared memory.
const START_ATTEMPTS: u32 = 5;

/// PostgreSQL, Redis or RabbitMQ: its address and, where it is private, its life.
///
/// Methods that change its life take `&self`, so that a test may kill it while others use it.
pub struct Server {
    name: &'static str,
    url: String,
    private: Option<Mutex<Private>>,
}

/// What it takes to start the same server again, on the same port and the same data.
pub(crate) struct Private {
    pub(crate) command: Box<dyn Fn() -> Command + Send>,
    pub(crate) ready: Box<dyn Fn() -> bool + Send>,
    pub(crate) log: PathBuf,
    pub(crate) guardian: Arc<Guardian>,
    pub(crate) process: Option<Process>,
    /// Processes it needs beside it, which live as long as the stack.
    pub(crate) companions: Vec<Process>,
}

impl Server {
    pub(crate) fn adopted(name: &'static str, url: String) -> Self {
        Self {
            name,
            url,
            private: None,
        }
    }

    pub(crate) fn private(name: &'static str, url: String, private: Private) -> Result<Self> {
        let server = Self {
            name,
            url,
            private: Some(Mutex::new(private)),
        };
        server.start()?;
        Ok(server)
    }

    /// Its address; it carries no secret where the server is private.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether we started it, and so may kill it.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// Starts it, on the data and port it had before, and waits until it answers. Does nothing
    /// while it runs.
    ///
    /// # Errors
    /// When it is not ours, does not start or does not answer in time.
    pub fn start(&self) -> Result<()> {
        let mut private = self.lock()?;
        if let Some(process) = private.process.as_mut()
            && process.exited()?.is_none()
        {
            return Ok(());
        }
        let mut attempt = 1;
        loop {
            let mut process = Process::spawn(
                self.name,
                (private.command)(),
                &private.log,
                &private.guardian,
            )?;
            match process.wait_ready(READY_LIMIT, || (private.ready)()) {
                Ok(()) => {
                    private.process = Some(process);
                    return Ok(());
                }
                Err(error) if attempt == START_ATTEMPTS || process.exited()?.is_none() => {
                    return Err(error);
                }
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
            attempt += 1;
        }
    }

    /// Ends it in order (SIGTERM).
    ///
    /// # Errors
    /// When it is not ours or does not run.
    pub fn stop(&self) -> Result<()> {
        self.with_process(|process| process.terminate(STOP_GRACE).map(drop))
    }

    /// Ends it in order and starts it again.
    ///
    /// # Errors
    /// As [`Server::stop`] and [`Server::start`].
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        self.start()
    }

    /// Kills it with SIGKILL, everything below it included, as a crash would.
    ///
    /// # Errors
    /// When it is not ours or does not run.
    pub fn kill_9(&self) -> Result<()> {
        self.with_process(|process| process.kill_9().map(drop))
    }

    /// Freezes it (SIGSTOP): connections stay open and nothing answers.
    ///
    /// # Errors
    /// When it is not ours or does not run.
    pub fn pause(&self) -> Result<()> {
        self.with_process(Process::pause)
    }

    /// Lets a frozen server go on.
    ///
    /// # Errors
    /// When it is not ours or does not run.
    pub fn resume(&self) -> Result<()> {
        self.with_process(Process::resume)
    }

    fn with_process(&self, act: impl FnOnce(&mut Process) -> Result<()>) -> Result<()> {
        let mut private = self.lock()?;
        let process = private
            .process
            .as_mut()
            .with_context(|| format!("{} does not run", self.name))?;
        act(process)
    }

    fn lock(&self) -> Result<MutexGuard<'_, Private>> {
        let Some(private) = &self.private else {
            bail!(
                "{} is not private to this stack, so its life is not ours to change",
                self.name
            );
        };
        Ok(private.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Server {
    // The address may carry a password where the server is not private.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("name", &self.name)
            .field("private", &self.is_private())
            .finish_non_exhaustive()
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // The server goes before what it leans on.
        drop(self.process.take());
        self.companions.clear();
    }
}

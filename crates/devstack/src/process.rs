//! One child process: its log, its end.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::guardian::Guardian;
use crate::tree::{descendants, lives};

const POLL: Duration = Duration::from_millis(25);
/// How long the kernel may take to end what was killed.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// A child in a process group of its own, whose output goes to a file and which is killed when
/// this value is dropped or we die.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    guardian: Arc<Guardian>,
}

impl Process {
    /// Starts `command` without standard input; both its outputs are appended to `log`.
    ///
    /// # Errors
    /// When the log cannot be opened or the program cannot be started.
    pub fn spawn(
        name: &str,
        mut command: Command,
        log: &Path,
        guardian: &Arc<Guardian>,
    ) -> Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("opening {}", log.display()))?;
        let errors = output.try_clone().context("duplicating the log's handle")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name} ({:?})", command.get_program()))?;
        let process = Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            guardian: Arc::clone(guardian),
        };
        guardian.guard(process.id())?;
        Ok(process)
    }

    /// What the process was called at its start.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where both outputs go.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last `lines` lines of the log; empty when there is none.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<&str> = text.lines().collect();
        all.get(all.len().saturating_sub(lines)..)
            .unwrap_or_default()
            .join("\n")
    }

    /// The exit status, once it has ended.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("asking for the state of {}", self.name))
    }

    /// Polls `ready` until it holds.
    ///
    /// # Errors
    /// When the process ends first or `limit` passes; the text carries the tail of the log.
    pub fn wait_ready(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.exited()? {
                bail!(
                    "{} ended before it was ready ({status}); its last words:\n{}",
                    self.name,
                    self.log_tail(30)
                );
            }
            if ready() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{} was not ready after {} s; its last words:\n{}",
                    self.name,
                    limit.as_secs(),
                    self.log_tail(30)
                );
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks the process to end (SIGTERM), waits up to `grace`, then kills what is left of it.
    ///
    /// # Errors
    /// When the operating system cannot tell whether it has ended.
    pub fn terminate(&mut self, grace: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.exited()? {
            return Ok(status);
        }
        let _ = kill(self.pid(), Signal::SIGTERM);
        let deadline = Instant::now() + grace;
        while Instant::now() < deadline {
            if let Some(status) = self.exited()? {
                return Ok(status);
            }
            std::thread::sleep(POLL);
        }
        self.kill_9()
    }

    /// Kills the process and everything below it with SIGKILL, and waits for its end.
    ///
    /// # Errors
    /// When waiting fails.
    pub fn kill_9(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.exited()? {
            return Ok(status);
        }
        let below = self.signal_tree(Signal::SIGKILL);
        let status = self
            .child
            .wait()
            .with_context(|| format!("waiting for the end of {}", self.name))?;
        // Its ports and its shared memory are free only once the last of them is gone.
        let deadline = Instant::now() + KILL_LIMIT;
        while below.iter().any(|&pid| lives(pid)) && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        Ok(status)
    }

    /// Stops the process and everything below it (SIGSTOP) until [`Process::resume`].
    ///
    /// # Errors
    /// When it has already ended.
    pub fn pause(&mut self) -> Result<()> {
        self.signal_living(Signal::SIGSTOP)
    }

    /// Lets a paused process go on (SIGCONT).
    ///
    /// # Errors
    /// When it has already ended.
    pub fn resume(&mut self) -> Result<()> {
        self.signal_living(Signal::SIGCONT)
    }

    fn signal_living(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.exited()? {
            bail!("{} has ended ({status})", self.name);
        }
        self.signal_tree(signal);
        Ok(())
    }

    /// Returns the processes found below. Only to be called while the child is not yet waited for:
    /// afterwards its id may be another's.
    fn signal_tree(&self, signal: Signal) -> Vec<i32> {
        let below = descendants(self.pid().as_raw());
        // A process that ended in between is what we wanted or will be seen by the next poll.
        let _ = killpg(self.pid(), signal);
        for &pid in &below {
            let _ = kill(Pid::from_raw(pid), signal);
        }
        below
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill_9();
        let _ = self.guardian.release(self.child.id());
    }
}

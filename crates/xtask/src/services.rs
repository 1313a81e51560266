//! Our binaries as child processes.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use devstack::{Process, Stack};

const READY_LIMIT: Duration = Duration::from_secs(60);
const STOP_GRACE: Duration = Duration::from_secs(15);

/// A service and the variable that sets the port of its HTTP listener.
pub(crate) struct Service {
    pub(crate) binary: &'static str,
    pub(crate) port_variable: &'static str,
}

/// In the order in which they are started; they are stopped in the opposite one.
pub(crate) const ALL: [Service; 4] = [
    Service {
        binary: "sync-worker",
        port_variable: "HTTP_PORT",
    },
    Service {
        binary: "scheduler",
        port_variable: "HTTP_PORT",
    },
    Service {
        binary: "notifier",
        port_variable: "HTTP_PORT",
    },
    Service {
        binary: "auth-gateway",
        port_variable: "BACKEND_PORT",
    },
];

/// The service with this binary.
pub(crate) fn named(binary: &str) -> Result<&'static Service> {
    ALL.iter()
        .find(|service| service.binary == binary)
        .with_context(|| format!("no service is called {binary}"))
}

/// Starts our binaries with one environment, each with a log in the stack's directory.
pub(crate) struct Launcher<'a> {
    stack: &'a Stack,
    binaries: PathBuf,
    environment: BTreeMap<&'static str, String>,
}

impl<'a> Launcher<'a> {
    pub(crate) fn new(
        stack: &'a Stack,
        binaries: PathBuf,
        environment: BTreeMap<&'static str, String>,
    ) -> Self {
        Self {
            stack,
            binaries,
            environment,
        }
    }

    /// A command of ours that has not been started.
    pub(crate) fn command(&self, binary: &str) -> Command {
        let mut command = Command::new(self.binaries.join(binary));
        command.envs(&self.environment);
        command
    }

    /// Starts a service on `port`; [`wait_ready`] says when it may be used.
    pub(crate) fn start(&self, service: &Service, port: u16) -> Result<Process> {
        let mut command = self.command(service.binary);
        command.env(service.port_variable, port.to_string());
        self.spawn(service.binary, command)
    }

    /// Starts any command of ours.
    pub(crate) fn spawn(&self, name: &str, command: Command) -> Result<Process> {
        Process::spawn(name, command, &self.log(name), self.stack.guardian())
    }

    /// Runs a command of ours to its end, and tells what it printed.
    pub(crate) fn run(&self, binary: &str, arguments: &[&str]) -> Result<String> {
        let mut command = self.command(binary);
        let output = command
            .args(arguments)
            .output()
            .with_context(|| format!("starting {binary}"))?;
        if !output.status.success() {
            bail!(
                "{binary} {} failed ({}):\n{}{}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn log(&self, name: &str) -> PathBuf {
        self.stack.directory().join(format!("{name}.log"))
    }
}

/// Waits until a service answers that it is ready; its last words are in the error if it does not.
pub(crate) fn wait_ready(process: &mut Process, port: u16) -> Result<()> {
    process.wait_ready(READY_LIMIT, || is_ready(port).unwrap_or(false))
}

/// Ends processes in order, the last started first.
pub(crate) fn stop(mut processes: Vec<Process>) -> Result<()> {
    while let Some(mut process) = processes.pop() {
        process.terminate(STOP_GRACE)?;
    }
    Ok(())
}

/// The last words of every process, for a failure nobody can explain from outside.
pub(crate) fn last_words(processes: &[Process]) -> String {
    processes
        .iter()
        .map(|process| format!("--- {}\n{}\n", process.name(), process.log_tail(20)))
        .collect()
}

/// Prints lines as they are added to logs, each with its process's name, until the process ends.
pub(crate) fn follow(name: &str, log: &Path) -> Result<()> {
    let mut file =
        std::fs::File::open(log).with_context(|| format!("opening {}", log.display()))?;
    let name = name.to_owned();
    std::thread::spawn(move || {
        let mut pending = String::new();
        let mut bytes = Vec::new();
        while file.read_to_end(&mut bytes).is_ok() {
            pending.push_str(&String::from_utf8_lossy(&bytes));
            bytes.clear();
            while let Some(end) = pending.find('\n') {
                let line: String = pending.drain(..=end).collect();
                eprint!("{name:>12} | {line}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    Ok(())
}

fn is_ready(port: u16) -> std::io::Result<bool> {
    let limit = Duration::from_secs(3);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream
        .write_all(b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(status.ends_with(b" 200"))
}

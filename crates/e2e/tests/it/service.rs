//! One service as a process.

use devstack::{Guardian, Process};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use testkit::wait_for;

/// Long enough for a process to come up on a busy machine.
const START: Duration = Duration::from_secs(30);

/// A running service; killed when dropped. Its log goes to standard error when the
/// test fails.
pub struct Service {
    process: Process,
}

impl Service {
    /// Starts the built program with these variables and no others, and waits until
    /// it serves its health.
    pub async fn start(
        program: &str,
        name: &str,
        variables: &[(String, String)],
        directory: &Path,
        guardian: &Arc<Guardian>,
    ) -> Self {
        let mut command = Command::new(binary(program));
        command.env_clear().envs(variables.iter().cloned());
        let log = directory.join(format!("{name}.log"));
        let service = Self {
            process: Process::spawn(name, command, &log, guardian).unwrap(),
        };
        wait_for(&format!("{name} to start"), START, async || {
            service.address()
        })
        .await;
        service
    }

    /// Everything it has written to standard output and standard error.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.process.log()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for a line of its log whose message begins with one of these.
    pub async fn says_any(&self, beginnings: &[&str], limit: Duration) {
        wait_for(
            &format!("{} to say one of {beginnings:?}", self.process.name()),
            limit,
            async || {
                self.lines()
                    .any(|line| {
                        let said = line["message"].as_str().unwrap_or_default();
                        beginnings.iter().any(|wanted| said.starts_with(wanted))
                    })
                    .then_some(())
            },
        )
        .await;
    }

    /// The address of a path of it.
    pub fn url(&self, path: &str) -> String {
        let address = self.address().expect("a service that serves");
        format!("http://{address}{path}")
    }

    /// What it answers at `/metrics`.
    pub async fn metrics(&self) -> String {
        let answer = reqwest::get(self.url("/metrics")).await.unwrap();
        answer.text().await.unwrap()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill_9().unwrap();
    }

    /// SIGSTOP.
    pub fn pause(&mut self) {
        self.process.pause().unwrap();
    }

    /// SIGCONT.
    pub fn wake(&mut self) {
        self.process.resume().unwrap();
    }

    /// SIGTERM, and the end that follows.
    pub fn stop(&mut self) {
        self.process.terminate(START).unwrap();
    }

    /// It listens on a port of its own choice, which its log tells.
    fn address(&self) -> Option<SocketAddr> {
        self.lines().find_map(|line| {
            line["message"].as_str()?.strip_prefix("serving")?;
            line["address"].as_str()?.parse().ok()
        })
    }

    fn lines(&self) -> impl Iterator<Item = Value> {
        let log = self.log();
        let lines: Vec<Value> = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        lines.into_iter()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (name, tail) = (self.process.name(), self.process.log_tail(60));
            eprintln!("--- last words of {name} ---\n{tail}");
        }
    }
}

/// The test executable stands in `target/debug/deps`, the binary one level up.
pub fn binary(program: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap();
    let binary = built.join(program);
    assert!(
        binary.exists(),
        "{program} is not built: run `cargo build -p {program}` first"
    );
    binary
}

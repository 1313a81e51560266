//! What every service does as a process; tried on this one because it is small.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use testkit::wait_for;

const LIMIT: Duration = Duration::from_secs(20);
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn scheduler(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scheduler"));
    command.env_clear().envs(variables.iter().copied());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A process that is killed when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.0.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    async fn ended(&mut self) -> ExitStatus {
        wait_for("the end of the process", LIMIT, async || {
            self.0.try_wait().unwrap()
        })
        .await
    }
}

#[tokio::test]
async fn production_logs_json_and_ends_in_order_at_sigterm() {
    let mut command = scheduler(&[
        ("DATABASE_URL", "postgres://x:planted@127.0.0.1:1/x"),
        ("AMQP_URL", "amqp://x:planted@127.0.0.1:1/%2f"),
        ("ENCRYPTION_KEY", KEY),
        ("ENV", "production"),
        ("HTTP_PORT", "0"),
    ]);
    let mut running = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(running.0.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);

    let mut seen = Vec::new();
    for line in lines.by_ref() {
        let line: Value = serde_json::from_str(&line).unwrap();
        seen.push(line.clone());
        if line["message"] == "serving health and metrics" {
            break;
        }
    }
    assert_eq!(seen[0]["message"], "starting");
    assert_eq!(seen[0]["service"], "scheduler");

    running.signal("-TERM");
    assert_eq!(running.ended().await.code(), Some(0));
    let rest: Vec<String> = lines.collect();
    assert!(
        rest.iter().any(|line| line.contains("\"stopped\"")),
        "{rest:?}"
    );
    assert!(!rest.concat().contains("planted"), "{rest:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_may_open_as_many_files_as_the_system_allows() {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "ulimit -S -n 64 && exec \"$0\"",
            env!("CARGO_BIN_EXE_scheduler"),
        ])
        .env_clear()
        .envs([
            ("PATH", "/usr/bin:/bin"),
            ("DATABASE_URL", "postgres://x@127.0.0.1:1/x"),
            ("HTTP_BIND", "127.0.0.1"),
            ("HTTP_PORT", "0"),
        ]);
    let running = Running(
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let limits = format!("/proc/{}/limits", running.0.id());
    wait_for("a higher limit", LIMIT, async || {
        let limits = std::fs::read_to_string(&limits).unwrap();
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let words: Vec<_> = line.unwrap().split_whitespace().collect();
        (words[3] != "64" && words[3] == words[4])
            .then_some(())
            .ok_or(words.join(" "))
    })
    .await;
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

#[test]
fn a_configuration_that_cannot_be_used_ends_with_2_and_all_reasons() {
    let refused = output(&mut scheduler(&[
        ("ENV", "production"),
        ("HTTP_PORT", "planted"),
    ]));
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("HTTP_PORT"));
    let refused = output(&mut scheduler(&[("ENV", "production")]));
    assert!(text(&refused.stderr).contains("DATABASE_URL"));
    assert!(text(&refused.stderr).contains("ENCRYPTION_KEY"));
}

#[test]
fn an_unknown_argument_ends_with_2_and_the_usage() {
    let refused = output(scheduler(&[]).arg("--help-me"));
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("usage: scheduler"));
}

#[test]
fn the_configuration_can_be_checked_without_starting() {
    let database = ("DATABASE_URL", "postgres://x:planted@db/x");
    let checked = output(scheduler(&[database]).arg("--check-config"));
    assert_eq!(checked.status.code(), Some(0));
    let shown = text(&checked.stdout);
    assert!(
        shown.contains("database.url = (set)") && !shown.contains("planted"),
        "{shown}"
    );
}

#[test]
fn a_taken_port_ends_with_1_and_says_which() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let failed = output(&mut scheduler(&[
        ("DATABASE_URL", "postgres://x@127.0.0.1:1/x"),
        ("HTTP_BIND", "127.0.0.1"),
        ("HTTP_PORT", &address.port().to_string()),
        ("LOG_FORMAT", "json"),
    ]));
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stdout).contains(&format!("cannot listen on {address}")));
}

#[test]
fn development_says_that_secrets_cannot_be_stored_at_every_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = output(&mut scheduler(&[
        ("DATABASE_URL", "postgres://x@127.0.0.1:1/x"),
        ("HTTP_BIND", "127.0.0.1"),
        ("HTTP_PORT", &port),
    ]));
    assert!(text(&ended.stderr).contains("no ENCRYPTION_KEY"));
}

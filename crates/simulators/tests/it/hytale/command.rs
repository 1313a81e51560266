//! The vendor as a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::json;

use super::support::ask;
use crate::support::client;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[actix_web::test]
async fn the_command_prints_its_address_and_obeys_its_flags() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_simulators"))
        .args(["hytale", "--seed", "3", "--no-session-limit"])
        .args([
            "--auto-approve-after",
            "1",
            "--auto-approve-account",
            "many",
        ])
        .args(["--standing-clock", "2026-06-01T12:00:00Z"])
        .args(["--behaviour", r#"{"created_status": 201}"#])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let _child = Killed(child);
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("hytale ").unwrap();
    let get = |path: &str| ask(client().get(format!("{url}/__simulator/{path}")));
    let (_, behaviour) = get("behaviour").await;
    assert_eq!(
        (
            &behaviour["created_status"],
            &behaviour["session_limit"],
            &behaviour["auto_approve"]
        ),
        (
            &json!(201),
            &json!(null),
            &json!({ "after_polls": 1, "account": "many" })
        )
    );
    let clock = get("clock").await;
    assert_eq!(clock, (200, json!({ "now": "2026-06-01T12:00:00Z" })));
}

//! The commands of `docs/hytale`, run as they stand.

use std::process::Stdio;
use std::time::Duration;

use simulators::hytale::{AutoApprove, Options};
use tokio::process::Command;

use super::stage::Stage;
use crate::gateway::KEY;

const PATIENCE: Duration = Duration::from_secs(60);

/// The `sh` blocks of a document, as one script.
fn script(document: &str) -> String {
    let blocks = document.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    blocks.collect()
}

#[tokio::test]
async fn the_commands_of_the_login_guide_work() {
    let mut options = Options::default();
    options.behaviour.interval = 1;
    options.behaviour.auto_approve = Some(AutoApprove {
        after_polls: 1,
        account: None,
    });
    let stage = Stage::with(options, Vec::new()).await;
    let script = script(include_str!("../../../../../docs/hytale/LOGIN.md"));
    let run = Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", &script])
        .env("NODEBYTE", &stage.gateway.url)
        .env("API_KEY", KEY)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.trim_end().ends_with("live"), "{out}\n{err}");
    assert_eq!(stage.hytale.live_sessions("one"), 0);
    assert_eq!(
        stage.trail().await,
        ["TOKEN_CREATED", "SESSION_CREATED", "SESSION_DELETED"]
    );
}

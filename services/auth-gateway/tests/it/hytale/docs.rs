//! The commands of `docs/hytale`, run as they stand.

use std::process::Stdio;
use std::time::Duration;

use common::types::scope::Scope;
use common::types::server_limits::ServerLimits;
use common::types::user::Role;
use simulators::hytale::{AutoApprove, Options};
use tokio::process::Command;
use uuid::Uuid;

use super::stage::Stage;
use crate::gateway::KEY;

const PATIENCE: Duration = Duration::from_secs(60);

const LOGIN: &str = include_str!("../../../../../docs/hytale/LOGIN.md");
const DOWNLOADER: &str = include_str!("../../../../../docs/hytale/DOWNLOADER.md");

/// Where the guide to logins turns to customers.
const CUSTOMERS: &str = "## 7.";

/// The `sh` blocks of a document.
fn blocks(document: &str) -> Vec<&str> {
    let blocks = document.split("```sh\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// A gateway whose Hytale approves every login at the second poll.
async fn approving() -> Stage {
    let mut options = Options::default();
    options.behaviour.interval = 1;
    options.behaviour.auto_approve = Some(AutoApprove {
        after_polls: 1,
        account: None,
    });
    Stage::with(options, Vec::new()).await
}

/// Runs a script to its good end, and answers what it printed.
async fn run(stage: &Stage, script: &str, variables: &[(&str, &str)]) -> String {
    let run = Command::new("bash")
        .args(["-e", "-u", "-o", "pipefail", "-c", script])
        .env("NODEBYTE", &stage.gateway.url)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{err}");
    out.trim_end().to_owned()
}

#[tokio::test]
async fn the_commands_of_the_login_guide_work() {
    let stage = approving().await;
    let (guide, _) = LOGIN.split_once(CUSTOMERS).unwrap();
    let out = run(&stage, &blocks(guide).concat(), &[("API_KEY", KEY)]).await;
    assert!(out.ends_with("live"), "{out}");
    assert_eq!(stage.hytale.live_sessions("one"), 0);
    assert_eq!(
        stage.trail().await,
        ["TOKEN_CREATED", "SESSION_CREATED", "SESSION_DELETED"]
    );
}

#[tokio::test]
async fn the_commands_of_the_login_guide_work_for_a_customer() {
    let stage = approving().await;
    stage.gateway.user("anna", Role::Member).await;
    let token = stage.gateway.token("anna").await.text;
    let (guide, customers) = LOGIN.split_once(CUSTOMERS).unwrap();
    let script = [&blocks(guide)[..1], &blocks(customers)].concat().concat();
    let variables = [("API_KEY", KEY), ("CUSTOMER_TOKEN", token.as_str())];
    let out = run(&stage, &script, &variables).await;
    assert!(out.ends_with("live"), "{out}");
    let owners = stage
        .query("SELECT principal FROM hytale_account_owners")
        .await;
    assert_eq!(owners[0].get::<_, String>(0), "user:anna");
}

#[tokio::test]
async fn the_commands_of_the_downloader_guide_work() {
    let stage = Stage::new().await;
    let uuid = Uuid::new_v4();
    let server = crate::servers::mirror(&stage.gateway, uuid).await;
    let limits = ServerLimits::Named {
        servers: [server].into_iter().collect(),
        nodes: Default::default(),
    };
    let scopes = [Scope::Hytale, Scope::Logs];
    let key = stage
        .gateway
        .key_with("host-7", scopes.into_iter().collect(), limits)
        .await;
    stage.login_of(&key, "one", "my-host").await;
    let server = uuid.to_string();
    let variables = [("API_KEY", key.as_str()), ("SERVER", server.as_str())];
    let out = run(&stage, &blocks(DOWNLOADER).concat(), &variables).await;
    assert!(out.starts_with('1'), "one line was saved: {out}");
    assert_eq!(stage.hytale.live_sessions("one"), 0);
    assert_eq!(
        stage.trail().await,
        ["TOKEN_CREATED", "SESSION_CREATED", "SESSION_DELETED"]
    );
    let line = "SELECT line FROM hytale_server_logs";
    assert_eq!(
        stage.query(line).await[0].get::<_, String>(0),
        "Server started"
    );
}

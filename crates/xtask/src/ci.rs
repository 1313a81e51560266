//! What continuous integration does, in order; `.ci/run` calls it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use devstack::{Options, Stack};

use crate::{check, fuzz, shell, test};

/// Seconds that each fuzz target of the ordinary tests may search, where only their corpus and a
/// moment are tried otherwise.
const FUZZ_SECONDS: &str = "60";

/// Seconds that the API is asked, and what makes it the same requests every time: what is
/// new is found by hand (`cargo xtask fuzz`), and nobody's change is refused by chance.
const API_SECONDS: u16 = 40;
const API_SEED: u64 = 7;

pub(crate) async fn run() -> Result<()> {
    let start = Instant::now();
    stage("fmt", || {
        shell::run(shell::cargo(&["fmt", "--all", "--check"]))
    })?;
    stage("clippy", clippy)?;

    let stack = Stack::start(&Options::new())?;
    let began = begin("check");
    check::with(&stack).await.context("stage check")?;
    end("check", began);

    stage("deny", || {
        shell::run(shell::cargo(&[
            "deny", "check", "bans", "licenses", "sources",
        ]))
    })?;
    stage("doc", doc)?;
    let began = begin("fuzz");
    fuzz::search(API_SECONDS, Some(API_SEED))
        .await
        .context("stage fuzz")?;
    end("fuzz", began);

    // The test runner's closing lines are to be the last that is read, so nothing follows them.
    eprintln!(
        "=== test (the stages before took {})",
        seconds(start.elapsed())
    );
    test::with(&stack, &[("NODEBYTE_FUZZ_SECONDS", FUZZ_SECONDS)], &[]).context("stage test")
}

fn clippy() -> Result<()> {
    // Locked: a Cargo.lock that does not fit the manifests is an error and not mended on the way.
    let arguments = [
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    shell::run(shell::cargo(&arguments))
}

fn doc() -> Result<()> {
    let mut command = shell::cargo(&["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    shell::run(command)
}

fn stage(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let began = begin(name);
    work().with_context(|| format!("stage {name}"))?;
    end(name, began);
    Ok(())
}

fn begin(name: &str) -> Instant {
    eprintln!("=== {name}");
    Instant::now()
}

fn end(name: &str, began: Instant) {
    eprintln!("=== {name} took {}", seconds(began.elapsed()));
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

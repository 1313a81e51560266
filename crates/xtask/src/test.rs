//! Every test, against real servers.

use anyhow::Result;
use devstack::{Options, Stack};

use crate::shell;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Handed to the test runner, for example `-p store` or a test's name.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    runner: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let stack = Stack::start(&Options::new())?;
    let runner: Vec<&str> = arguments.runner.iter().map(String::as_str).collect();
    with(&stack, &[], &runner)
}

/// Builds everything first: system tests start binaries of other packages, which no runner builds for
/// them. They find them in `NODEBYTE_BIN_DIR`.
pub(crate) fn with(stack: &Stack, environment: &[(&str, &str)], runner: &[&str]) -> Result<()> {
    // Bins and tests in one go, so that features are the same as in the run and nothing is built twice.
    shell::run(shell::cargo(&["build", "--workspace", "--bins", "--tests"]))?;
    let bin_dir = shell::binaries("debug")?;
    let execute = |arguments: &[&str]| {
        let mut command = shell::cargo(arguments);
        command
            .envs(stack.environment())
            .env("NODEBYTE_BIN_DIR", &bin_dir)
            .envs(environment.iter().copied());
        shell::run(command)
    };

    if !shell::succeeds(shell::cargo(&["nextest", "--version"])) {
        return execute(&[&["test", "--workspace"], runner].concat());
    }
    if runner.is_empty() {
        // cargo-nextest knows no documentation tests.
        execute(&["test", "--workspace", "--doc", "--quiet"])?;
    }
    execute(&[&["nextest", "run", "--workspace"], runner].concat())
}

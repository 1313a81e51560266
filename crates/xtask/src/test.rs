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
    shell::build()?;
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
        let all: &[&str] = if chosen(runner).is_some() {
            &[]
        } else {
            &["--workspace"]
        };
        return execute(&[&["test"], all, runner].concat());
    }
    if runner.is_empty() {
        // cargo-nextest knows no documentation tests.
        execute(&["test", "--workspace", "--doc", "--quiet"])?;
    }
    // As a filter, since a run of some packages only would build them with other features.
    let (packages, rest) = chosen(runner).unwrap_or_else(|| (Vec::new(), runner.to_vec()));
    let filters: Vec<String> = packages
        .iter()
        .map(|name| format!("package({name})"))
        .collect();
    let filters = filters.iter().flat_map(|filter| ["-E", filter.as_str()]);
    let arguments: Vec<&str> = filters.chain(rest).collect();
    execute(&[&["nextest", "run", "--workspace"], arguments.as_slice()].concat())
}

/// The packages that arguments choose, and the other arguments. To both runners, `--workspace` stands
/// above `-p`.
fn chosen<'a>(runner: &[&'a str]) -> Option<(Vec<&'a str>, Vec<&'a str>)> {
    let (mut packages, mut rest) = (Vec::new(), Vec::new());
    let mut words = runner.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "-p" | "--package" => packages.extend(words.next()),
            "--" => {
                rest.push(word);
                rest.extend(words.by_ref());
            }
            _ => match word.strip_prefix("--package=") {
                Some(package) => packages.push(package),
                None => rest.push(word),
            },
        }
    }
    (!packages.is_empty()).then_some((packages, rest))
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn chosen_packages_are_told_from_the_rest() {
        assert_eq!(chosen(&["a_429", "--no-fail-fast"]), None);
        let chosen = chosen(&["-p", "store", "merge", "--package=panels", "--", "-p", "x"]);
        let rest = vec!["merge", "--", "-p", "x"];
        assert_eq!(chosen, Some((vec!["store", "panels"], rest)));
    }
}

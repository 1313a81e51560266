//! Who runs where.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Two cores that are ours: one for the server that is measured, one for all else.
/// Without two, or without `taskset` (util-linux), everybody runs everywhere.
pub(crate) struct Cores(Option<(usize, usize)>);

impl Cores {
    /// Moves this process to its core, and with it all that it starts from now on.
    pub(crate) fn take() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let allowed = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
            .unwrap_or_default();
        let has_taskset = Command::new("taskset")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        let Some((server, others)) = first_and_last(allowed).filter(|_| has_taskset) else {
            eprintln!("no two cores, or no taskset: nothing is pinned, figures are of little use");
            return Ok(Self(None));
        };
        let moved = Command::new("taskset")
            .args(["--all-tasks", "--cpu-list", "--pid", &others.to_string()])
            .arg(std::process::id().to_string())
            .stdout(Stdio::null())
            .status()
            .context("running taskset")?;
        ensure!(moved.success(), "taskset failed ({moved})");
        Ok(Self(Some((server, others))))
    }

    /// The core of the measured server.
    pub(crate) fn server(&self) -> Option<usize> {
        self.0.map(|(server, _)| server)
    }

    /// The core of all others.
    pub(crate) fn others(&self) -> Option<usize> {
        self.0.map(|(_, others)| others)
    }

    /// The same command, on the measured server's core.
    pub(crate) fn for_server(&self, command: Command) -> Command {
        let Some(core) = self.server() else {
            return command;
        };
        let mut pinned = Command::new("taskset");
        // It becomes the program that it is told to start: the process stays the same.
        pinned
            .args(["--cpu-list", &core.to_string()])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => pinned.env(name, value),
                None => pinned.env_remove(name),
            };
        }
        pinned
    }
}

/// Of a list as the kernel writes it, for example `0-3,8`.
fn first_and_last(list: &str) -> Option<(usize, usize)> {
    let mut numbers = list
        .trim()
        .split([',', '-'])
        .filter_map(|number| number.parse().ok());
    let first = numbers.next()?;
    Some((first, numbers.next_back()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cores_are_found_where_there_are_two() {
        assert_eq!(first_and_last("\t0-1\n"), Some((0, 1)));
        assert_eq!(first_and_last("2,4-7"), Some((2, 7)));
        assert_eq!(first_and_last("3"), None);
        assert_eq!(first_and_last(""), None);
    }
}

//! Installing what is missing, or saying how.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use crate::binaries;

/// Packages are installed with a policy that starts no service: we want the binaries, on our own
/// ports. A policy that the machine already has is its owner's and stays.
const APT_SCRIPT: &str = r#"
set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@"
"#;

/// A server that can be missing: its name to people, its Debian package, whether it is there.
struct Dependency {
    name: &'static str,
    package: &'static str,
    installed: fn() -> bool,
}

const DEPENDENCIES: &[Dependency] = &[
    Dependency {
        name: "PostgreSQL",
        package: "postgresql",
        installed: || binaries::postgres().is_some(),
    },
    Dependency {
        name: "Redis",
        package: "redis-server",
        installed: || binaries::redis().is_some(),
    },
    Dependency {
        name: "RabbitMQ",
        package: "rabbitmq-server",
        installed: || binaries::rabbitmq().is_some(),
    },
];

/// Makes the servers of `wanted` startable.
///
/// # Errors
/// When something is missing and cannot be installed; the text is one sentence with the commands.
pub(crate) fn ensure(wanted: &[&str]) -> Result<()> {
    let missing = |candidates: &[&'static Dependency]| -> Vec<&'static Dependency> {
        candidates
            .iter()
            .copied()
            .filter(|dependency| !(dependency.installed)())
            .collect()
    };
    let wanted: Vec<&'static Dependency> = DEPENDENCIES
        .iter()
        .filter(|dependency| wanted.contains(&dependency.name))
        .collect();
    let absent = missing(&wanted);
    if absent.is_empty() {
        return Ok(());
    }
    if let Some(mut command) = apt_command() {
        let packages: Vec<&str> = absent.iter().map(|dependency| dependency.package).collect();
        eprintln!("installing {} through apt-get", packages.join(", "));
        let output = command
            .args(&packages)
            .stdin(Stdio::null())
            .output()
            .context("running apt-get")?;
        if !output.status.success() {
            bail!(
                "apt-get could not install {} ({}):\n{}\n{}",
                packages.join(", "),
                output.status,
                String::from_utf8_lossy(&output.stderr),
                advice(&absent)
            );
        }
    }
    let still_absent = missing(&absent);
    if still_absent.is_empty() {
        return Ok(());
    }
    bail!("{}", advice(&still_absent));
}

/// The script's interpreter with the rights it needs, where they are to be had without asking.
fn apt_command() -> Option<Command> {
    let succeeds = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !succeeds("apt-get", &["--version"]) {
        return None;
    }
    let mut command = if Uid::effective().is_root() {
        Command::new("sh")
    } else if succeeds("sudo", &["-n", "true"]) {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "sh"]);
        sudo
    } else {
        return None;
    };
    command.args(["-c", APT_SCRIPT, "install"]);
    Some(command)
}

fn advice(missing: &[&Dependency]) -> String {
    let names: Vec<&str> = missing.iter().map(|dependency| dependency.name).collect();
    format!(
        "{} not found: run `sudo apt-get install postgresql redis-server rabbitmq-server`, \
         `sudo dnf install postgresql-server redis rabbitmq-server`, \
         `brew install postgresql@17 redis rabbitmq`, or \
         `docker compose -f docker/compose.yml up -d --wait postgres redis rabbitmq` followed by \
         `. docker/compose.env`, then try again.",
        names.join(", ")
    )
}

//! A private PostgreSQL.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use nix::unistd::{Gid, Uid, User};

use crate::binaries::{self, Postgres};
use crate::guardian::Guardian;
use crate::server::{Private, Server};
use crate::stack::Durability;

/// Nothing survives a crash of the machine, which a test does not cause; a crash of the server itself
/// loses nothing even so.
const FAST: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
];

pub(crate) fn start(
    directory: &Path,
    port: u16,
    durability: Durability,
    settings: &[String],
    guardian: &Arc<Guardian>,
) -> Result<Server> {
    let programs = binaries::postgres().context("PostgreSQL is not installed")?;
    let owner = owner()?;
    if let Some((uid, gid)) = owner {
        chown(directory, Some(uid.as_raw()), Some(gid.as_raw()))
            .with_context(|| format!("giving {} to PostgreSQL's user", directory.display()))?;
    }
    let data = directory.join("data");
    initialise(&programs, &data, durability, owner)?;

    let mut all_settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        // Over TCP only: a socket's path is limited to about 100 bytes, temporary directories are not.
        "unix_socket_directories=".to_owned(),
        "max_connections=400".to_owned(),
    ];
    if durability == Durability::Fast {
        all_settings.extend(FAST.iter().map(|&setting| setting.to_owned()));
    }
    all_settings.extend_from_slice(settings);

    let pg_isready = programs.pg_isready.clone();
    let private = Private {
        command: Box::new(move || {
            let mut command = as_owner(&programs.postgres, owner);
            command.arg("-D").arg(&data).args(["-p", &port.to_string()]);
            for setting in &all_settings {
                command.args(["-c", setting]);
            }
            command
        }),
        ready: Box::new(move || {
            Command::new(&pg_isready)
                .args(["--quiet", "--host=127.0.0.1", "--username=postgres"])
                .arg(format!("--port={port}"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        }),
        log: directory.with_extension("log"),
        guardian: Arc::clone(guardian),
        process: None,
        companions: Vec::new(),
    };
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    Server::private("PostgreSQL", url, private)
}

fn initialise(
    programs: &Postgres,
    data: &Path,
    durability: Durability,
    owner: Option<(Uid, Gid)>,
) -> Result<()> {
    let locale = if cfg!(target_os = "macos") {
        "en_US.UTF-8"
    } else {
        "C.UTF-8"
    };
    let mut command = as_owner(&programs.initdb, owner);
    command
        .arg("-D")
        .arg(data)
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
        .arg(format!("--locale={locale}"));
    if durability == Durability::Fast {
        command.arg("--no-sync");
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("running initdb")?;
    if !output.status.success() {
        bail!(
            "initdb failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// PostgreSQL refuses to run as root; there it runs as the user that its package creates.
fn owner() -> Result<Option<(Uid, Gid)>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name).context("reading the user database")? {
            return Ok(Some((user.uid, user.gid)));
        }
    }
    bail!("PostgreSQL does not run as root, and there is neither a user postgres nor nobody");
}

fn as_owner(program: &Path, owner: Option<(Uid, Gid)>) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = owner {
        command.uid(uid.as_raw()).gid(gid.as_raw());
        // The directory we stand in may be closed to that user.
        command.current_dir("/");
    }
    command
}

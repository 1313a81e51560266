//! The panel that is mirrored: a real one, or ours as a child process.

use std::fs::File;
use std::io::Read;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use devstack::Process;

use crate::services::Launcher;

const READY_LIMIT: Duration = Duration::from_secs(60);

/// How much the simulated panel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Size {
    /// A few of everything, special cases included.
    Small,
    /// A tenth of the large one.
    #[value(skip)]
    Tenth,
    /// 100,000 allocations and 10,000 servers on 50 nodes.
    Large,
}

impl Size {
    fn argument(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Tenth => "tenth",
            Self::Large => "large",
        }
    }
}

/// Which panel is mirrored.
pub(crate) enum PanelSource {
    /// Ours, filled with made-up data.
    Simulated(Size),
    /// Ours, filled with what recordings of a real panel hold together.
    Recorded(PathBuf),
    /// A real one.
    Real(PanelAccess),
}

/// Where a panel is and what opens it.
#[derive(Clone)]
pub(crate) struct PanelAccess {
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) client_key: String,
}

impl PanelAccess {
    /// For a simulated panel on a port, with keys nobody has used before.
    pub(crate) fn simulated(port: u16) -> Result<Self> {
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            key: format!("ptla_{}", random_hex()?),
            client_key: format!("ptlc_{}", random_hex()?),
        })
    }

    /// The variables by which our services find it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("PTERODACTYL_URL", self.url.clone()),
            ("PTERODACTYL_API_KEY", self.key.clone()),
            ("PTERODACTYL_CLIENT_API_KEY", self.client_key.clone()),
        ]
    }
}

impl PanelSource {
    /// Starts the simulated panel on `port`, where it is one.
    pub(crate) fn start(
        &self,
        launcher: &Launcher<'_>,
        access: &PanelAccess,
        port: u16,
        more: &[&str],
    ) -> Result<Option<Process>> {
        let mut command = launcher.command("simulators");
        command
            .args(["panel", "--listen", &format!("127.0.0.1:{port}")])
            .args(["--application-key", &access.key])
            .args(["--client-key", &access.client_key])
            .args(more);
        match self {
            Self::Simulated(size) => command.args(["--size", size.argument()]),
            Self::Recorded(directory) => command.arg("--recordings").arg(directory),
            Self::Real(_) => return Ok(None),
        };
        let mut process = launcher.spawn("panel", command)?;
        process.wait_ready(READY_LIMIT, || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        })?;
        Ok(Some(process))
    }
}

/// 256 random bits as 64 hexadecimal digits.
pub(crate) fn random_hex() -> Result<String> {
    let mut bytes = [0_u8; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("reading /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

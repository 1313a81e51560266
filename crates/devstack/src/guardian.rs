//! The shell that outlives us for a moment and kills what we left behind.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

/// Reads `guard PID` and `release PID` lines until its input ends, then kills the process groups
/// still guarded and removes the directory named by its first argument.
const SCRIPT: &str = r#"
guarded=' '
while read -r verb pid; do
  case "$verb" in
    guard) guarded="$guarded$pid " ;;
    release) guarded="${guarded%% $pid *} ${guarded#* $pid }" ;;
  esac
done
for pid in $guarded; do kill -s KILL -- "-$pid" 2>/dev/null; done
rm -rf -- "$1"
"#;

/// Kills the process groups entrusted to it, and removes one directory, once we are gone.
///
/// A pipe is the only thing the kernel closes for us however we die, so the guardian waits for the
/// end of one. It stands in a process group of its own: Ctrl-C in a terminal does not reach it.
#[derive(Debug)]
pub struct Guardian {
    pipe: Mutex<Option<ChildStdin>>,
    shell: Mutex<Child>,
}

impl Guardian {
    /// Starts a guardian that will remove `directory` at the end.
    ///
    /// # Errors
    /// When `sh` cannot be started.
    pub fn start(directory: &Path) -> Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "guardian"])
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("starting sh to guard child processes")?;
        Ok(Self {
            pipe: Mutex::new(shell.stdin.take()),
            shell: Mutex::new(shell),
        })
    }

    pub(crate) fn guard(&self, pid: u32) -> Result<()> {
        self.tell("guard", pid)
    }

    pub(crate) fn release(&self, pid: u32) -> Result<()> {
        self.tell("release", pid)
    }

    fn tell(&self, verb: &str, pid: u32) -> Result<()> {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = pipe.as_mut().context("the guardian has been dismissed")?;
        writeln!(pipe, "{verb} {pid}").context("writing to the guardian's pipe")
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(
            self.pipe
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        // The wait only collects the exit status; a guardian killed from outside changes nothing.
        let _ = self
            .shell
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wait();
    }
}

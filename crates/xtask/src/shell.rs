//! Running cargo and finding our own workspace.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand};

/// The workspace's root directory.
pub(crate) fn root() -> &'static Path {
    const MANIFEST: &str = env!("CARGO_MANIFEST_DIR");
    Path::new(MANIFEST)
        .ancestors()
        .nth(2)
        .unwrap_or_else(|| Path::new(MANIFEST))
}

/// The workspace's own packages, without what they depend on.
pub(crate) fn metadata() -> Result<Metadata> {
    MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .context("running cargo metadata")
}

/// Where everything goes that can be made anew.
pub(crate) fn target() -> Result<PathBuf> {
    Ok(metadata()?.target_directory.into())
}

/// Where `cargo build` puts the binaries of a profile (`debug`, `release`).
pub(crate) fn binaries(profile: &str) -> Result<PathBuf> {
    Ok(metadata()?.target_directory.join(profile).into())
}

/// The cargo that runs us, in the workspace's root, without standard input.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    // Cargo has described this very package to us in variables that build scripts (ring's, for one)
    // watch: inherited, they would have half the tree built again after every call by hand.
    for (name, _) in std::env::vars_os() {
        let described = ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix));
        if described {
            command.env_remove(name);
        }
    }
    command
}

/// Builds what the tests and a running system need. Binaries and tests in one go, whichever of the two
/// asks: tests switch on features of dependencies, and without them everything would be built again.
pub(crate) fn build() -> Result<()> {
    run(cargo(&["build", "--workspace", "--bins", "--tests"]))
}

/// Runs to the end with our outputs; anything but success is an error that names the command.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let line = line(&command);
    eprintln!("$ {line}");
    let status = command
        .status()
        .with_context(|| format!("starting {line}"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Whether it runs and succeeds; its outputs are thrown away.
pub(crate) fn succeeds(mut command: Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy()];
    words.extend(
        command
            .get_args()
            .map(|argument| argument.to_string_lossy()),
    );
    words.join(" ")
}

//! Crates that must not be in the tree: TLS and PostgreSQL are pure Rust here, with ring.

use anyhow::{Context, Result, bail};

use crate::shell;

const BANNED: &[&str] = &[
    "openssl-sys",
    "native-tls",
    "pq-sys",
    "aws-lc-rs",
    "aws-lc-sys",
];

pub(crate) fn check() -> Result<()> {
    for name in BANNED {
        let output = shell::cargo(&[
            "tree",
            "--workspace",
            "--target",
            "all",
            "--edges",
            "all",
            "--invert",
            name,
        ])
        .output()
        .context("running cargo tree")?;
        let found = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.success() && !found.trim().is_empty() {
            bail!("{name} is banned, and this brings it in:\n{found}");
        }
        // What is not in Cargo.lock at all is no package that cargo could print.
        if !output.status.success() && !errors.contains("did not match any packages") {
            bail!("cargo tree --invert {name} failed:\n{errors}");
        }
    }
    Ok(())
}

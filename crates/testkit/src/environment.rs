//! Addresses come from the environment.

use std::path::{Path, PathBuf};

use reqwest::Url;

/// # Panics
/// When the variable is missing or no URL.
pub(crate) fn url(variable: &str) -> Url {
    let value = std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: run `cargo xtask test`, which brings the servers, or name your own"
        )
    });
    // The value may carry a password, so the error does not repeat it.
    Url::parse(&value).unwrap_or_else(|error| panic!("{variable} is not a URL: {error}"))
}

/// The recorded panel answers: `NODEBYTE_RECORDINGS`, else `../shared/recordings/pterodactyl` beside the
/// repository. Without them the answer is `None` and a line on standard error says so.
#[must_use]
pub fn recordings() -> Option<PathBuf> {
    let directory = std::env::var_os("NODEBYTE_RECORDINGS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings/pterodactyl"),
        PathBuf::from,
    );
    if directory.is_dir() {
        return Some(directory);
    }
    eprintln!("SKIPPED: no recordings at {}", directory.display());
    None
}

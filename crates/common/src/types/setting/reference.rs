//! The documentation of settings.

use super::{SETTINGS, Setting};
use std::fmt::Write;

const HEAD: &str = "# Settings

Generated from `crates/common/src/types/setting` (the registry of settings); a test of
`common` fails when the two differ and says how to write this file anew.

Administrators change these while the installation runs: on the website
(`/api/admin/settings`) or with `nodebyte config set KEY`. Every process heeds a change
within two seconds. A stored value counts above the environment variable beside it
([CONFIGURATION.md](CONFIGURATION.md)), and that above the default.

A secret is sealed in the database, shown to nobody, and goes to the origin (scheme,
host, port) of the address beside it alone, for which it was given: where the address
in the database has another origin than the environment's, the environment's secret
does not count, and whoever changes an address to another origin has to give its
secrets anew in the same request.

| key | in JSON | environment | takes | default | seen by | meaning |
|---|---|---|---|---|---|---|
";

/// `docs/SETTINGS.md`.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for setting in SETTINGS {
        text.push_str(&row(setting));
    }
    text
}

fn row(setting: &Setting) -> String {
    let code = |text: &str| match text {
        "" => String::new(),
        text => format!("`{text}`"),
    };
    let mut takes = setting.kind.takes();
    if let Some(unit) = setting.unit {
        // Writing to a text never fails.
        let _ = write!(takes, " ({unit})");
    }
    if let Some(address) = setting.bound_to {
        let _ = write!(takes, " for the origin of `{address}`");
    }
    format!(
        "| `{}` | `{}` | {} | {takes} | {} | {} | {} |\n",
        setting.key,
        setting.name,
        code(setting.environment.unwrap_or_default()),
        code(setting.default),
        setting.seen.as_str(),
        setting.meaning,
    )
}

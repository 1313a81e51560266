//! Shows the configuration: what is set now, and the reference for the docs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use figment::value::Value;

use super::{Config, DEFAULTS, keys};

/// A key's comment and default, as they stand in `default.toml`.
struct Entry {
    about: String,
    default: String,
}

pub(super) fn redacted(config: &Config) -> String {
    let shown = Value::serialize(config).ok();
    keys::KEYS
        .iter()
        .map(|key| {
            let value = shown.as_ref().and_then(|shown| shown.find_ref(key.path));
            format!("{} = {}\n", key.path, value.map_or_else(String::new, text))
        })
        .collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        Value::Bool(_, truth) => truth.to_string(),
        Value::Num(_, number) => number
            .to_u128()
            .map(|whole| whole.to_string())
            .or_else(|| number.to_f64().map(|real| real.to_string()))
            .unwrap_or_default(),
        _ => String::new(),
    }
}

/// The Markdown of `docs/CONFIGURATION.md`, made from the registry and the
/// comments of `default.toml`. A test holds the committed file against it.
#[must_use]
pub fn reference() -> String {
    let entries = entries();
    let mut page = String::from(PREAMBLE);
    let mut section = None;
    for key in keys::KEYS {
        let (here, _) = key.path.split_once('.').unwrap_or(("General", key.path));
        if section != Some(here) {
            section = Some(here);
            let _ = write!(page, "\n## {here}\n\n{HEADER}");
        }
        let Some(entry) = entries.get(key.path) else {
            continue;
        };
        let default = if entry.default == "\"\"" {
            String::new()
        } else {
            format!("`{}`", entry.default)
        };
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            key.path,
            key.environment()
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", "),
            key.kind.expected(),
            default,
            entry.about.replace('|', "\\|"),
        );
    }
    page
}

const PREAMBLE: &str = "# Configuration

Generated from `crates/runtime/src/config` (the registry of keys and
`default.toml`); a test of `runtime` fails when the two differ and says how to
write this file anew.

A value is looked for in this order: environment variable, the file named by
`--config` or `NODEBYTE_CONFIG`, the default. An empty value means: not set. A
file is TOML with the keys below and nothing else. `--check-config` on a service,
or `nodebyte config check`, reads everything, says all that is wrong at once and
prints the result without secrets.
";

const HEADER: &str = "| key | environment | takes | default | meaning |\n|---|---|---|---|---|\n";

fn entries() -> BTreeMap<String, Entry> {
    let mut entries = BTreeMap::new();
    let mut section = String::new();
    let mut about: Vec<&str> = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            about.push(comment.trim());
        } else if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = format!("{name}.");
            about.clear();
        } else if let Some((name, default)) = line.split_once(" = ") {
            let entry = Entry {
                about: about.join(" "),
                default: default.to_owned(),
            };
            entries.insert(format!("{section}{name}"), entry);
            about.clear();
        } else {
            about.clear();
        }
    }
    entries
}

//! The migrations as files.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::shell;

pub(crate) struct Migration {
    pub(crate) name: String,
    pub(crate) up: String,
    pub(crate) down: String,
}

/// All of them in the order in which they are applied.
pub(crate) fn read() -> Result<Vec<Migration>> {
    let directory = shell::root().join("migrations");
    let mut migrations = Vec::new();
    for entry in fs::read_dir(&directory).context("reading migrations/")? {
        let path = entry.context("reading migrations/")?.path();
        if !path.is_dir() {
            continue;
        }
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = |file: &str| {
            fs::read_to_string(path.join(file))
                .with_context(|| format!("reading migrations/{name}/{file}"))
        };
        migrations.push(Migration {
            up: text("up.sql")?,
            down: text("down.sql")?,
            name,
        });
    }
    ensure!(!migrations.is_empty(), "migrations/ holds none");
    migrations.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(migrations)
}

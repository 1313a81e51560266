//! The workspace's migrations as plain files.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// One `migrations/<version>_<name>` directory.
#[derive(Hash)]
pub(crate) struct Migration {
    /// What diesel records: the directory's name up to the first `_`, without dashes.
    pub(crate) version: String,
    /// The text of `up.sql`.
    pub(crate) up: String,
}

/// All migrations in the order in which they are applied.
pub(crate) fn all() -> Vec<Migration> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut migrations: Vec<Migration> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("reading {}: {error}", directory.display()))
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.to_owned();
            let (version, _) = name.split_once('_')?;
            let up = fs::read_to_string(path.join("up.sql")).ok()?;
            Some(Migration {
                version: version.replace('-', ""),
                up,
            })
        })
        .collect();
    migrations.sort_by(|a, b| a.version.cmp(&b.version));
    migrations
}

/// Differs whenever a migration does.
pub(crate) fn fingerprint(migrations: &[Migration]) -> u64 {
    let mut hasher = DefaultHasher::new();
    migrations.hash(&mut hasher);
    hasher.finish()
}

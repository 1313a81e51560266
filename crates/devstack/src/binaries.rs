//! Where distributions put the servers.

use std::fs;
use std::path::{Path, PathBuf};

/// Directory patterns with at most one `*`, searched before `PATH`. Debian keeps PostgreSQL's programs
/// off `PATH`, and its `rabbitmq-server` on `PATH` is a wrapper with fixed directories and user.
const POSTGRES: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/pgsql-*/bin",
];
const RABBITMQ: &[&str] = &[
    "/usr/lib/rabbitmq/bin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
];
const ERLANG: &[&str] = &[
    "/usr/lib/erlang/erts-*/bin",
    "/opt/homebrew/opt/erlang/lib/erlang/erts-*/bin",
    "/usr/local/opt/erlang/lib/erlang/erts-*/bin",
];

/// The programs of one PostgreSQL installation.
pub(crate) struct Postgres {
    pub(crate) initdb: PathBuf,
    pub(crate) postgres: PathBuf,
    pub(crate) pg_isready: PathBuf,
}

/// The newest PostgreSQL that is complete.
pub(crate) fn postgres() -> Option<Postgres> {
    directories(POSTGRES).find_map(|directory| {
        let program = |name: &str| Some(directory.join(name)).filter(|path| path.is_file());
        Some(Postgres {
            initdb: program("initdb")?,
            postgres: program("postgres")?,
            pg_isready: program("pg_isready")?,
        })
    })
}

pub(crate) fn redis() -> Option<PathBuf> {
    find(&["/opt/homebrew/bin", "/usr/local/bin"], "redis-server")
}

pub(crate) fn rabbitmq() -> Option<PathBuf> {
    find(RABBITMQ, "rabbitmq-server")
}

pub(crate) fn epmd() -> Option<PathBuf> {
    find(ERLANG, "epmd")
}

fn find(patterns: &[&str], program: &str) -> Option<PathBuf> {
    directories(patterns)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

fn directories(patterns: &[&str]) -> impl Iterator<Item = PathBuf> {
    let known: Vec<PathBuf> = patterns
        .iter()
        .flat_map(|pattern| expand(pattern))
        .collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    known.into_iter().chain(on_path)
}

/// The directories a pattern names, the highest version first.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let mut versions: Vec<String> = fs::read_dir(Path::new(parent))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_prefix(prefix)
                .map(str::to_owned)
        })
        .collect();
    versions.sort_by_key(|version| {
        let numbers: Vec<u32> = version
            .split('.')
            .filter_map(|part| part.parse().ok())
            .collect();
        std::cmp::Reverse(numbers)
    });
    versions
        .into_iter()
        .map(|version| PathBuf::from(format!("{before}{version}{after}")))
        .collect()
}

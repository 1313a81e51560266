//! Who may import whom.
//!
//! Each layer imports only from earlier ones, and nothing from its own; heavy dependencies have one
//! owner each. The rule is data, compared with what cargo says.

use anyhow::{Result, bail};
use cargo_metadata::{DependencyKind, Package};

use crate::shell;

/// What ships, from the ground up.
const LAYERS: &[&[&str]] = &[
    &["common"],
    &["upstream"],
    &["store", "broker", "cache", "panels", "outbound", "runtime"],
    &["relay", "reach"],
    &["hytale"],
    &[
        "auth-gateway",
        "sync-worker",
        "scheduler",
        "notifier",
        "nodebyte",
    ],
];

/// What serves development only, and all of ours that each may import.
const DEVELOPMENT: &[(&str, &[&str])] = &[
    ("simulators", &[]),
    ("devstack", &[]),
    ("testkit", &["common", "simulators"]),
    ("load", &["common", "store", "runtime", "reach"]),
    ("xtask", &["devstack"]),
];

/// Imports anything: it drives the whole system.
const UNBOUND: &str = "e2e";

/// Tests that need a neighbour of the same layer: the commands under test are carried out by a worker.
const TESTED_WITH: &[(&str, &str)] = &[
    ("nodebyte", "sync-worker"),
    ("auth-gateway", "sync-worker"),
    ("auth-gateway", "notifier"),
];

/// Heavy dependencies, and which of the shipped crates may use them outside tests.
const OWNERS: &[(&str, &[&str])] = &[
    ("diesel", &["store", "common"]),
    ("diesel-async", &["store"]),
    ("diesel_migrations", &["store"]),
    ("tokio-postgres", &["store"]),
    ("lapin", &["broker"]),
    ("deadpool-redis", &["cache"]),
    ("reqwest", &["upstream", "panels", "outbound", "hytale"]),
    ("actix-web", &["runtime", "auth-gateway"]),
    ("paperclip", &["auth-gateway"]),
];

pub(crate) fn check() -> Result<()> {
    let packages = shell::metadata()?.packages;
    let ours: Vec<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let violations: Vec<String> = packages
        .iter()
        .flat_map(|package| violations(package, &ours))
        .collect();
    if !violations.is_empty() {
        bail!("layers:\n  {}", violations.join("\n  "));
    }
    Ok(())
}

fn violations(package: &Package, ours: &[&str]) -> Vec<String> {
    let name = package.name.as_str();
    if !is_known(name) {
        return vec![format!(
            "{name} stands in no layer: add it to crates/xtask/src/layers.rs"
        )];
    }
    package
        .dependencies
        .iter()
        .filter_map(|dependency| {
            let imported = dependency.name.as_str();
            let in_tests = dependency.kind == DependencyKind::Development;
            let reason = if ours.contains(&imported) {
                why_not_import(name, imported, in_tests)
            } else {
                why_not_own(name, imported, in_tests)
            };
            reason.map(|reason| format!("{name} → {imported}: {reason}"))
        })
        .collect()
}

fn is_known(name: &str) -> bool {
    layer(name).is_some() || development(name).is_some() || name == UNBOUND
}

fn why_not_import(name: &str, imported: &str, in_tests: bool) -> Option<String> {
    if name == UNBOUND {
        return None;
    }
    if let Some(allowed) = development(name) {
        return (!allowed.contains(&imported)).then(|| format!("it may import only {allowed:?}"));
    }
    let Some(lower) = layer(imported) else {
        return (!in_tests).then(|| "what ships uses it in tests at most".to_owned());
    };
    let tested_with = in_tests && TESTED_WITH.contains(&(name, imported));
    (layer(name) <= Some(lower) && !tested_with)
        .then(|| "it does not stand in an earlier layer".to_owned())
}

fn why_not_own(name: &str, imported: &str, in_tests: bool) -> Option<String> {
    layer(name)?;
    let (_, owners) = OWNERS.iter().find(|(heavy, _)| *heavy == imported)?;
    (!in_tests && !owners.contains(&name)).then(|| format!("its owners are {owners:?}"))
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn development(name: &str) -> Option<&'static [&'static str]> {
    DEVELOPMENT
        .iter()
        .find(|(crate_name, _)| *crate_name == name)
        .map(|(_, allowed)| *allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_imports_from_earlier_ones_only() {
        assert_eq!(why_not_import("relay", "store", false), None);
        assert!(why_not_import("store", "cache", false).is_some());
        assert!(why_not_import("common", "runtime", false).is_some());
        assert!(why_not_import("scheduler", "notifier", true).is_some());
    }

    #[test]
    fn what_ships_uses_development_crates_in_tests_only() {
        assert_eq!(why_not_import("store", "testkit", true), None);
        assert!(why_not_import("store", "testkit", false).is_some());
        assert!(why_not_import("devstack", "common", true).is_some());
        assert_eq!(why_not_import("e2e", "sync-worker", false), None);
    }

    #[test]
    fn heavy_crates_stay_with_their_owners() {
        assert_eq!(why_not_own("store", "diesel", false), None);
        assert_eq!(why_not_own("broker", "tokio-postgres", true), None);
        assert!(why_not_own("runtime", "diesel", false).is_some());
    }

    #[test]
    fn the_workspace_keeps_the_rule() {
        check().unwrap();
    }
}

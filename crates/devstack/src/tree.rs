//! The processes below one of ours.
//!
//! PostgreSQL's backends each lead a session of their own, so a process group does not hold them.

use std::collections::HashMap;
use std::fs;

/// The living descendants of `root`, nearest first. Empty where `/proc` does not exist.
pub(crate) fn descendants(root: i32) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![root];
    while let Some(pid) = next.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        found.extend(&below);
        next.extend(below);
    }
    found
}

/// Whether a process of that id runs; one that has ended and waits to be collected does not.
pub(crate) fn lives(pid: i32) -> bool {
    fields(pid).is_some_and(|fields| !fields.starts_with('Z'))
}

fn parent(pid: i32) -> Option<i32> {
    fields(pid)?.split_whitespace().nth(1)?.parse().ok()
}

/// What follows the parenthesised command name of `/proc/PID/stat`: state, parent, … (proc(5)).
fn fields(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    Some(after_name.to_owned())
}

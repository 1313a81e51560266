//! Figures of one process, from `/proc` (proc(5)), and the middle of several.

use std::fs;

use anyhow::{Context, Result};

/// `USER_HZ`, which Linux holds at 100 towards user space.
const TICKS_PER_SECOND: f64 = 100.0;
const KIB_PER_MIB: f64 = 1024.0;

/// The most memory the process has had resident so far, in MiB.
pub(crate) fn peak_memory(pid: u32) -> Result<f64> {
    memory(pid, "VmHWM")
}

/// The memory that the process has resident now, in MiB.
pub(crate) fn resident_memory(pid: u32) -> Result<f64> {
    memory(pid, "VmRSS")
}

fn memory(pid: u32, field: &str) -> Result<f64> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).context("reading /proc/PID/status")?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .with_context(|| format!("/proc/PID/status has no {field}"))?
        .trim()
        .parse()
        .with_context(|| format!("{field} is no number"))?;
    Ok(kib / KIB_PER_MIB)
}

/// The seconds of processor time the process has used so far, in user and kernel mode.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("reading /proc/PID/stat")?;
    let (_, after_name) = stat
        .rsplit_once(") ")
        .context("/proc/PID/stat has no name")?;
    // Fields 14 and 15 of the file; the first one here is field 3.
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Ok(ticks / TICKS_PER_SECOND)
}

/// The one in the middle; of an even number the upper one.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < f64::EPSILON);
        assert!(median([].into_iter()).is_nan());
    }
}

//! Bench targets: figures that are measured in a process of their own.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::shell;

/// Runs a bench target that prints `{"<figure>": …}` as its last line; the answer is the figure.
pub(crate) fn figure(
    bench: &str,
    figure: &str,
    environment: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<f64> {
    let output = shell::cargo(&["bench", "--workspace", "--bench", bench])
        .envs(environment)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("running the {bench} bench"))?;
    ensure!(
        output.status.success(),
        "the {bench} bench failed ({})",
        output.status
    );
    let text = String::from_utf8_lossy(&output.stdout);
    eprint!("{text}");
    let last = text.lines().last().unwrap_or_default();
    let value: serde_json::Value =
        serde_json::from_str(last).with_context(|| format!("the {bench} bench said: {last}"))?;
    value
        .get(figure)
        .and_then(serde_json::Value::as_f64)
        .with_context(|| format!("the {bench} bench said: {last}"))
}

//! Tokens whose keys Hytale does not publish.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::site::{Ground, Site};

const KEYS: usize = 1_000;
const AT_ONCE: usize = 20;

/// How often the gateway asks Hytale for its keys while each token names another unknown one.
pub(crate) async fn fetches(ground: &Ground<'_>) -> Result<f64> {
    let site = Site::start(ground, "bench_unknown_keys").await?;
    let gateway = site.gateway("gateway-unknown-keys", &[])?;
    let client = Client::new();
    let mut asking = JoinSet::new();
    for number in 0..KEYS {
        if asking.len() >= AT_ONCE {
            join(&mut asking).await?;
        }
        let request = client
            .post(format!(
                "http://{}/api/hytale/validate-token",
                gateway.address
            ))
            .header("X-API-Key", &site.key)
            .json(&json!({ "token": token(number) }));
        asking.spawn(async move { anyhow::Ok(request.send().await?.status()) });
    }
    while !asking.is_empty() {
        join(&mut asking).await?;
    }
    let summary = site.summary().await?;
    summary
        .pointer("/by_endpoint/session_keys")
        .and_then(Value::as_f64)
        .context("Hytale was never asked for its keys")
}

async fn join(asking: &mut JoinSet<Result<StatusCode>>) -> Result<()> {
    let answered = asking.join_next().await.context("nobody asks")?;
    let status = answered.context("asking")??;
    ensure!(
        status == StatusCode::UNAUTHORIZED,
        "a token of an unknown key was answered {status}"
    );
    Ok(())
}

/// In the form of a token; nobody signed it.
fn token(number: usize) -> String {
    let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": format!("unknown-{number}") });
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    format!(
        "{}.{}.{}",
        encode(header.to_string().as_bytes()),
        encode(b"{}"),
        encode(&[0; 64])
    )
}

//! The least that posts bodies: reqwest, and nothing before or after a request.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Whom to tell
    #[arg(long)]
    address: SocketAddr,
    /// A body a line; each goes to every endpoint
    #[arg(long)]
    bodies: PathBuf,
    /// Endpoints: the paths `/0`, `/1`, …
    #[arg(long)]
    endpoints: usize,
    /// Requests at once
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
}

/// What is posted, one after another by whoever is free.
struct Plan {
    client: Client,
    urls: Vec<String>,
    bodies: Vec<String>,
    next: AtomicUsize,
}

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    runtime::process::install_crypto_provider();
    let Arguments {
        address,
        bodies,
        endpoints,
        concurrency,
    } = arguments;
    let text =
        fs::read_to_string(&bodies).with_context(|| format!("reading {}", bodies.display()))?;
    let urls = (0..endpoints).map(|place| format!("http://{address}/{place}"));
    let plan = Arc::new(Plan {
        client: Client::new(),
        urls: urls.collect(),
        bodies: text.lines().map(str::to_owned).collect(),
        next: AtomicUsize::new(0),
    });
    // The runtime that our services have.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting a runtime")?;
    let posted = runtime.block_on(async {
        let posting: Vec<_> = (0..concurrency)
            .map(|_| tokio::spawn(Arc::clone(&plan).post()))
            .collect();
        let mut posted = 0;
        for one in posting {
            posted += one.await.context("a task that posts")??;
        }
        anyhow::Ok(posted)
    })?;
    println!("{}", json!({ "requests": posted }));
    Ok(())
}

impl Plan {
    /// Posts until nothing is left; says how often.
    async fn post(self: Arc<Self>) -> Result<usize> {
        let mut posted = 0;
        while let Some((url, body)) = self.next() {
            let answer = self
                .client
                .post(url)
                .header(CONTENT_TYPE, "application/cloudevents+json")
                .body(body.to_owned())
                .send()
                .await
                .context("posting")?;
            ensure!(answer.status() == 200, "answered {}", answer.status());
            answer.bytes().await.context("reading an answer")?;
            posted += 1;
        }
        Ok(posted)
    }

    /// The next endpoint and body.
    fn next(&self) -> Option<(&str, &str)> {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        let body = self.bodies.get(place / self.urls.len().max(1))?;
        let url = self.urls.get(place % self.urls.len())?;
        Some((url, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_body_goes_to_every_endpoint_once() {
        let plan = Plan {
            client: {
                runtime::process::install_crypto_provider();
                Client::new()
            },
            urls: vec!["a".to_owned(), "b".to_owned()],
            bodies: vec!["1".to_owned(), "2".to_owned()],
            next: AtomicUsize::new(0),
        };
        let all: Vec<_> = std::iter::from_fn(|| plan.next()).collect();
        assert_eq!(all, [("a", "1"), ("b", "1"), ("a", "2"), ("b", "2")]);
    }
}

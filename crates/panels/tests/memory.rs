//! Reading a listing takes the memory of a page, however many pages there are. Alone
//! in its program, because memory is a program's.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]
#![allow(missing_docs, reason = "tests explain themselves by their names")]
#![allow(dead_code, reason = "these modules serve other tests too")]

#[path = "it/setup.rs"]
mod setup;
#[path = "it/stage.rs"]
mod stage;

use serde_json::{Value, json};
use setup::{ALL, client, page};
use stage::{Reply, Stage};

/// Servers a page.
const ROWS: u32 = 500;

/// A page of servers as large as real ones.
fn body() -> Vec<u8> {
    let corpus: Value = serde_json::from_str(include_str!("../corpus/servers.json")).unwrap();
    let mut row = corpus["data"][0].clone();
    row["attributes"]["description"] = Value::from("x".repeat(2_000));
    let rows: Vec<_> = (0..ROWS).map(|_| &row).collect();
    let page = json!({"object": "list", "data": rows, "meta": {"pagination":
        {"total": 1_000_000, "per_page": ROWS, "current_page": 1}}});
    page.to_string().into_bytes()
}

/// The most memory resident since the last call, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let peak = line.unwrap().split_whitespace().nth(1).unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak.parse().unwrap()
}

#[tokio::test]
async fn many_pages_take_no_more_memory_than_a_few() {
    let reply = Reply::json(200, body());
    let stage = Stage::play(move |_, _| reply.clone()).await;
    let client = client(&stage.url);
    let read = async |pages: u32| {
        for _ in 0..pages {
            let chunk = client.servers(page(1, ROWS), ALL).await.unwrap();
            assert_eq!(chunk.rows.len(), ROWS as usize);
        }
        peak()
    };
    read(3).await;
    let few = read(10).await;
    let many = read(100).await;
    assert!(many < few + few * 3 / 10, "{few} KiB became {many} KiB");
}

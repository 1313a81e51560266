//! The database side of a sync beside the least that PostgreSQL needs for the same rows.
//!
//! The large panel's allocations (2,000 a page) and servers (500 a page, with everything that hangs
//! on them) lie decoded in memory. One side puts them through `Store::commit_page`, fence, merge,
//! seen ids, events and checkpoint included; the other copies and upserts the rows that stand in the
//! mirror afterwards into a database of the same migrations, already encoded and with all keys
//! resolved. Each has one connection; they take turns page by page. First into empty tables, then
//! with every row changed. The last line of the output is the lower ratio of the two:
//! `{"merge_over_bare": …}`.
//!
//! It needs the server that `DATABASE_URL` names: `cargo xtask bench sync` brings one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_futures,
    reason = "a measure that fails says so by panicking"
)]

mod bare;
mod merged;
mod pages;

use bare::{Bare, Captured};
use merged::Mirror;
use pages::Pages;
use std::time::{Duration, Instant};
use store::PageCommit;

/// Both databases anew each time; the median counts.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let pages = Pages::read().await;
    let changed = pages.changed();
    let (parents, first, second) = capture(&pages, &changed).await;
    let rows: usize = first.iter().map(Captured::rows).sum();
    println!(
        "{} pages, {rows} rows, {ROUNDS} rounds",
        pages.measured.len()
    );
    let (mut empty, mut all_changed) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut mirror = Mirror::new().await;
        mirror.commit_all(&pages.parents).await;
        let mut bare = Bare::new(&parents).await;

        settle(&mirror, &bare).await;
        let times = race(&mut mirror, &pages.measured, &mut bare, &first).await;
        empty.push(times.ratio("empty mirror", round, rows));

        mirror.begin_next_run().await;
        settle(&mirror, &bare).await;
        let times = race(&mut mirror, &changed, &mut bare, &second).await;
        all_changed.push(times.ratio("every row changed", round, rows));
    }
    let (empty, all_changed) = (median(empty), median(all_changed));
    println!("medians: empty mirror {empty:.3}, every row changed {all_changed:.3}");
    println!("{{\"merge_over_bare\": {:.3}}}", empty.min(all_changed));
}

/// Goes through all pages once, to see which rows they make; also warms the server up.
async fn capture(
    pages: &Pages,
    changed: &[PageCommit],
) -> (Captured, Vec<Captured>, Vec<Captured>) {
    let mut mirror = Mirror::new().await;
    mirror.commit_all(&pages.parents).await;
    let client = mirror.database.connect().await;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for page in &pages.measured {
        mirror.commit(page).await;
        first.push(Captured::page(&client, page).await);
    }
    mirror.begin_next_run().await;
    for page in changed {
        mirror.commit(page).await;
        second.push(Captured::page(&client, page).await);
    }
    (Captured::parents(&client).await, first, second)
}

struct Times {
    merge: Duration,
    bare: Duration,
}

impl Times {
    fn ratio(&self, what: &str, round: usize, rows: usize) -> f64 {
        let per_second = |time: Duration| rows as f64 / time.as_secs_f64();
        let ratio = self.bare.as_secs_f64() / self.merge.as_secs_f64();
        println!(
            "round {}, {what}: {:.0} rows/s through the merge, {:.0} rows/s bare: {ratio:.3}",
            round + 1,
            per_second(self.merge),
            per_second(self.bare),
        );
        ratio
    }
}

/// Gives every page to both sides, who begin in turn.
async fn race(
    mirror: &mut Mirror,
    pages: &[PageCommit],
    bare: &mut Bare,
    captured: &[Captured],
) -> Times {
    let mut times = Times {
        merge: Duration::ZERO,
        bare: Duration::ZERO,
    };
    for (index, (page, captured)) in pages.iter().zip(captured).enumerate() {
        for merge in [index % 2 == 0, index % 2 != 0] {
            let start = Instant::now();
            if merge {
                mirror.commit(page).await;
                times.merge += start.elapsed();
            } else {
                bare.write(captured).await;
                times.bare += start.elapsed();
            }
        }
    }
    times
}

/// What autovacuum and the checkpointer would have done meanwhile, for both alike.
async fn settle(mirror: &Mirror, bare: &Bare) {
    let client = mirror.database.connect().await;
    for client in [&client, &bare.client] {
        client.batch_execute("VACUUM (ANALYZE)").await.unwrap();
        client.batch_execute("CHECKPOINT").await.unwrap();
    }
}

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

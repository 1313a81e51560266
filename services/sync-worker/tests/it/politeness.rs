//! What a run asks of its panel: little, a few things at once, and what the panel
//! allows.

use crate::stage::{PATIENCE, Stage};
use common::types::sync::Target;
use simulators::panel::{Effect, Fault, Faults, RateLimits, State};
use testkit::wait_for;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sync_asks_for_each_page_once_and_for_no_row_by_itself() {
    let stage = Stage::new(State::small()).await;
    let nodes = stage.panel.state(|state| state.nodes.len());
    for _ in 0..2 {
        stage.panel.clear_requests();
        stage.full().await;
        let asked: Vec<String> = stage
            .panel
            .requests()
            .into_iter()
            .map(|request| request.path_and_query)
            .collect();
        // Four samples to plan by, and a page of each listing.
        assert_eq!(asked.len(), 4 + 5 + nodes, "{asked:#?}");
        let allocations = asked.iter().filter(|asked| asked.contains("/nodes/"));
        for allocations in allocations {
            assert!(allocations.contains("per_page=2000"), "{allocations}");
        }
        for listing in ["locations", "nodes", "nests", "users", "servers"] {
            let listing = format!("/api/application/{listing}?");
            let page = asked.iter().filter(|asked| {
                asked.starts_with(&listing) && asked.contains("per_page=500&page=1")
            });
            assert!(page.count() >= 1, "{listing} in {asked:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_requests_are_open_at_once_than_allowed_over_all_workers() {
    for (allowed, settings) in [(4, &[][..]), (2, &[("PANEL_CONCURRENCY", "2")][..])] {
        let lease = [("SYNC_LEASE_SECONDS", "30")];
        let settings = [settings, &lease[..]].concat();
        let mut stage = Stage::without_worker(State::small(), &settings).await;
        // Their shares, rounded up, would be too many.
        for _ in 0..3 {
            stage.start_worker();
        }
        stage.panel.faults(|faults| {
            // Not the nodes, which planning asks for.
            faults.add(
                Fault::new(Effect::Stall { seconds: 60.0 }).matching(|asked| {
                    asked.contains("/allocations")
                        || (asked.contains("per_page=500") && !asked.contains("/nodes"))
                }),
            );
        });
        let run = stage.trigger(Target::Full).await;
        wait_for("as many requests as allowed", PATIENCE, async || {
            let open = stage.panel.open_requests();
            (open == allowed).then_some(()).ok_or(open)
        })
        .await;
        stage.panel.faults(Faults::clear);
        stage.store.run_cancel(run).await.unwrap();
        wait_for("open requests to be dropped", PATIENCE, async || {
            let open = stage.panel.open_requests();
            (open == 0).then_some(()).ok_or(open)
        })
        .await;
        stage.panel.faults(|faults| {
            faults.add(Fault::new(Effect::Stall { seconds: 0.2 }));
        });
        stage.full().await;
        stage.assert_mirrored().await;
        assert_eq!(stage.panel.most_open_requests(), allowed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_worker_takes_its_share_of_the_limit_by_the_workers_that_live() {
    let settings = [
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
        ("SYNC_STALL_SECONDS", "4"),
    ];
    let mut stage = Stage::without_worker(State::small(), &settings).await;
    // 240 requests a minute for 60 workers, of which 59 are only said to live.
    let others = "INSERT INTO workers (id, service, seen_at) \
                  SELECT gen_random_uuid(), 'sync-worker', now() + interval '1 hour' FROM generate_series(1, 59)";
    stage
        .database
        .connect()
        .await
        .execute(others, &[])
        .await
        .unwrap();
    stage.panel.set_limits(RateLimits::default());
    stage.start_worker();
    wait_for("the worker to be counted", PATIENCE, async || {
        let live = stage.number("SELECT count(*) FROM workers").await;
        (live == 60).then_some(()).ok_or(live)
    })
    .await;
    let run = stage.trigger(Target::Full).await;
    let run = stage.ended(run).await;
    assert_eq!(run.status, "FAILED", "it waits for its share");
    assert_eq!(stage.panel.requests().len(), 4);
}

//! A panel that stays without an answer here and answers elsewhere, and one that takes long.

use crate::stage::{PATIENCE, Stage};
use common::types::sync::{Kind, Target};
use simulators::panel::{Effect, Fault, Faults, State};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use testkit::wait_for;

/// What no panel answers by itself, and what may pass.
const TEAPOT: Effect = Effect::Html { status: 418 };
const SERVER: &str = "/api/application/servers/42";
const USER: &str = "/api/application/users/38";
const USER_IS_LIVE: &str =
    "SELECT count(*) FROM panel_users WHERE remote_id = 38 AND removed_at IS NULL";

/// A mirrored panel that has lost a user.
async fn without_a_user(settings: &[(&str, &str)]) -> Stage {
    let stage = Stage::with(State::small(), settings).await;
    stage.full().await;
    stage.panel.state(|state| assert!(state.remove_user(38)));
    stage
}

async fn heals(stage: &Stage) {
    stage.panel.faults(Faults::clear);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_own_address_stays_silent_is_reported_and_all_else_goes_on() {
    let silent = async |effect: Effect| {
        let settings = [
            ("PANEL_REQUEST_TIMEOUT_SECONDS", "1"),
            ("SYNC_STALL_SECONDS", "30"),
        ];
        let stage = without_a_user(&settings).await;
        stage.panel.state(|state| assert!(state.remove_server(42)));
        stage
            .panel
            .faults(|faults| faults.add(Fault::new(effect).on_exactly(SERVER)));
        let run = stage.full().await;
        assert_eq!(run.items_failed, 1);
        let errors = stage.store.run_errors(run.run_id(), 10).await.unwrap();
        assert_eq!(errors[0].remote_id, Some(42));
        assert_eq!(stage.number(USER_IS_LIVE).await, 0);
        heals(&stage).await;
    };
    // A 503 also keeps the client from sending anything for a while.
    tokio::join!(
        silent(Effect::Stall { seconds: 60.0 }),
        silent(Effect::Maintenance)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_some_silent_rows_no_more_are_asked_for_and_their_kind_fails() {
    let stage = without_a_user(&[("SYNC_STALL_SECONDS", "8")]).await;
    stage.panel.state(|state| {
        for server in [41, 42, 43, 44] {
            assert!(state.remove_server(server));
        }
    });
    let silent = Fault::new(TEAPOT).on("/api/application/servers/");
    stage.panel.faults(|faults| faults.add(silent));
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.status, "FAILED");
    assert_eq!(run.failed_step.as_deref(), Some("servers"));
    let error = run.error.unwrap();
    assert!(error.starts_with("servers: servers 4"), "{error}");
    assert_eq!(stage.number(USER_IS_LIVE).await, 0);
    let gone = "SELECT count(*) FROM servers WHERE removed_at IS NOT NULL";
    assert_eq!(stage.number(gone).await, 0);
    heals(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_stay_whose_successors_are_silent_and_each_is_reported() {
    let stage = Stage::with(State::small(), &[("SYNC_STALL_SECONDS", "8")]).await;
    stage.full().await;
    stage.panel.state(|state| {
        for server in 41..45 {
            assert!(state.replace_server_uuid(server).is_some());
        }
    });
    let silent = Fault::new(TEAPOT).on("/api/application/servers/");
    stage.panel.faults(|faults| faults.add(silent));
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.failed_step.as_deref(), Some("servers"));
    let errors = stage.store.run_errors(run.run_id(), 10).await.unwrap();
    assert_eq!(run.items_failed, 4, "{errors:#?}");
    let mut reported: Vec<_> = errors.iter().filter_map(|row| row.remote_id).collect();
    reported.sort_unstable();
    assert_eq!(reported, [41, 42, 43, 44]);
    let gone = "SELECT count(*) FROM servers WHERE removed_at IS NOT NULL";
    assert_eq!(stage.number(gone).await, 0);
    heals(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_that_comes_back_while_it_is_doubted_is_asked_once_more() {
    // Each question takes longer than the patience with it.
    let settings = [
        ("PANEL_REQUEST_TIMEOUT_SECONDS", "1"),
        ("SYNC_STALL_SECONDS", "8"),
        ("PANEL_PAGE_SIZE", "10"),
    ];
    let stage = without_a_user(&settings).await;
    let (asked, back) = (AtomicUsize::new(0), AtomicBool::new(false));
    let away = Fault::new(Effect::Stall { seconds: 60.0 }).matching(move |path| {
        if path.starts_with("/api/application/users") {
            // Planned by the first.
            let is_planned = asked.fetch_add(1, Ordering::Relaxed) > 0;
            return is_planned && !back.load(Ordering::Relaxed);
        }
        // A run of users asks for something else when it doubts the panel.
        if asked.load(Ordering::Relaxed) > 1 {
            back.store(true, Ordering::Relaxed);
        }
        false
    });
    stage.panel.faults(|faults| faults.add(away));
    stage.sync(Target::One(Kind::Users)).await;
    assert_eq!(stage.number(USER_IS_LIVE).await, 0);
    heals(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_that_stay_silent_fail_their_kind_and_the_others_are_reconciled() {
    let stage = without_a_user(&[("SYNC_STALL_SECONDS", "16")]).await;
    // Those of more nodes than are asked for at once.
    stage.panel.state(|state| assert!(state.nodes.len() > 4));
    let silent = Fault::new(TEAPOT).matching(|asked| {
        let path = asked.split('?').next();
        path.is_some_and(|path| path.ends_with("/allocations"))
    });
    stage.panel.faults(|faults| faults.add(silent));
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.status, "FAILED");
    assert_eq!(run.failed_step.as_deref(), Some("allocations"));
    let error = run.error.unwrap();
    assert!(!error.contains("no progress"), "{error}");
    assert_eq!(stage.number(USER_IS_LIVE).await, 0);
    let gone = "SELECT count(*) FROM allocations WHERE removed_at IS NOT NULL";
    assert_eq!(stage.number(gone).await, 0);
    heals(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_look_whose_answers_take_long_is_no_stall() {
    let stage = without_a_user(&[("SYNC_STALL_SECONDS", "4")]).await;
    stage.panel.state(|state| {
        for user in 31..37 {
            assert!(state.remove_user(user));
        }
    });
    let slow = Fault::new(Effect::Stall { seconds: 1.2 }).on("/api/application/users/");
    stage.panel.faults(|faults| faults.add(slow));
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_listings_are_silent_the_others_prove_that_the_panel_answers() {
    let stage = Stage::with(State::small(), &[("SYNC_STALL_SECONDS", "8")]).await;
    stage.full().await;
    stage.panel.state(|state| assert!(state.remove_server(42)));
    stage.panel.faults(|faults| {
        for listing in ["locations", "users"] {
            let path = format!("/api/application/{listing}");
            faults.add(Fault::new(TEAPOT).on_exactly(&path));
        }
    });
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.status, "FAILED");
    let error = run.error.unwrap();
    for kind in ["locations: ", "users: "] {
        assert!(error.contains(kind), "{error}");
    }
    let live = "SELECT count(*) FROM servers WHERE remote_id = 42 AND removed_at IS NULL";
    assert_eq!(stage.number(live).await, 0);
    heals(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_listings_that_stay_silent_fail_their_kinds_and_no_other() {
    let settings = [("SYNC_STALL_SECONDS", "8"), ("SYNC_SECOND_LOOK_ROWS", "0")];
    let stage = without_a_user(&settings).await;
    let node = stage.panel.state(|state| {
        assert!(state.remove_server(42));
        let mut free = state
            .allocations
            .values()
            .filter(|row| row.server_id.is_none());
        let (id, node) = free.next().map(|row| (row.id, row.node_id)).unwrap();
        assert!(state.allocations.remove(&id).is_some());
        node
    });
    let allocations = format!("nodes/{node}/allocations");
    stage.panel.faults(|faults| {
        // Planned and listed before.
        for (listing, before) in [("servers", 2), ("users", 2), (&*allocations, 1)] {
            let path = format!("/api/application/{listing}");
            faults.add(Fault::new(TEAPOT).on_exactly(&path).after(before));
        }
    });
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    let error = run.error.unwrap();
    for kind in [
        "servers: a second listing",
        "users: a second",
        "allocations: a second",
    ] {
        assert!(error.contains(kind), "{error}");
    }
    heals(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_that_the_panel_ordered_to_wait_is_no_silence() {
    let stage = Stage::with(State::small(), &[("SYNC_STALL_SECONDS", "8")]).await;
    stage.full().await;
    stage.panel.faults(|faults| {
        for effect in [Effect::TooManyRequests { retry_after: 4 }, TEAPOT] {
            let once = Fault::new(effect).on_exactly("/api/application/nodes/2/allocations");
            faults.add(once.times(1));
        }
    });
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_noted_too_soon_is_shown_a_moment_later() {
    let stage = without_a_user(&[("SYNC_PROGRESS_PER_SECOND", "1")]).await;
    let slow = Fault::new(Effect::Stall { seconds: 60.0 });
    stage
        .panel
        .faults(|faults| faults.add(slow.on_exactly(USER)));
    let id = stage.trigger(Target::Full).await;
    wait_for(
        "the last step, with all that was read",
        PATIENCE,
        async || {
            let run = stage.store.run(id).await.unwrap().unwrap();
            let shown = format!("{} {}", run.step, run.items_total);
            (run.step == "reconcile" && run.items_total > 200)
                .then_some(())
                .ok_or(shown)
        },
    )
    .await;
    stage.store.run_cancel(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_shown_while_one_listing_is_silent() {
    let stage = Stage::with(State::small(), &[("SYNC_PROGRESS_PER_SECOND", "1")]).await;
    stage.full().await;
    let silent = Fault::new(Effect::Stall { seconds: 60.0 });
    let listing = "/api/application/nodes/3/allocations";
    stage
        .panel
        .faults(|faults| faults.add(silent.on_exactly(listing)));
    let id = stage.trigger(Target::Full).await;
    wait_for("what the other tasks have read", PATIENCE, async || {
        let run = stage.store.run(id).await.unwrap().unwrap();
        let read = format!(
            "SELECT COALESCE(sum(items_synced), 0)::bigint FROM sync_tasks \
             WHERE state = 'done' AND run_id = '{id}'"
        );
        let read = stage.number(&read).await;
        (run.items_synced > 200 && run.items_synced == read)
            .then_some(())
            .ok_or(run.items_synced)
    })
    .await;
    stage.store.run_cancel(id).await.unwrap();
}

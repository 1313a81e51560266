//! A panel in trouble: the run gets through, or says why it did not, and the
//! mirror is never wrong.

use crate::stage::{PATIENCE, Stage};
use common::types::sync::{Kind, Target};
use simulators::panel::{Effect, Fault, Resource, State};
use testkit::wait_for;

async fn survives(fault: Fault) {
    let stage = Stage::with(State::small(), &[("PANEL_REQUEST_TIMEOUT_SECONDS", "2")]).await;
    stage.panel.faults(|faults| faults.add(fault));
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_is_waited_for() {
    // One request at a time: what is on its way when the panel answers 429 arrives after it.
    let stage = Stage::with(State::small(), &[("PANEL_CONCURRENCY", "1")]).await;
    stage.panel.faults(|faults| {
        faults.add(
            Fault::new(Effect::TooManyRequests { retry_after: 2 })
                .after(5)
                .times(1),
        )
    });
    stage.full().await;
    assert!(
        stage
            .panel
            .requests()
            .iter()
            .all(|request| !request.in_retry_after),
        "asked inside a Retry-After"
    );
    stage.assert_mirrored().await;
    let blocked = stage
        .number("SELECT count(*) FROM panels WHERE application_blocked_until IS NOT NULL")
        .await;
    assert_eq!(blocked, 1, "the order stands in the panel's row");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maintenance_page_is_waited_out() {
    survives(Fault::new(Effect::Maintenance).after(3).times(4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn html_instead_of_json_is_asked_for_again() {
    survives(Fault::new(Effect::Html { status: 502 }).after(2).times(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_answer_is_asked_for_again() {
    survives(Fault::new(Effect::Truncated).after(2).times(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_are_asked_for_again() {
    survives(Fault::new(Effect::Reset).probability(0.2).times(6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_too_long_is_asked_for_again() {
    survives(
        Fault::new(Effect::Stall { seconds: 15.0 })
            .on("/api/application/users")
            .times(1),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_too_large_is_cut() {
    let stage = Stage::new(State::small()).await;
    stage.panel.faults(|faults| {
        faults.memory.insert(Resource::Servers, 30);
        faults.memory.insert(Resource::Allocations, 100);
    });
    let run = stage.full().await;
    assert_eq!(run.items_failed, 0);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_row_is_reported_and_keeps_its_stored_row_and_its_siblings() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage
        .panel
        .faults(|faults| faults.poison.insert((Resource::Servers, 23)));
    stage.panel.state(|state| {
        state.servers.get_mut(&24).unwrap().name = "the neighbour changed".to_owned();
        state.remove_server(30);
    });
    let run = stage.full().await;
    assert_eq!(run.items_failed, 1);
    let errors = stage.store.run_errors(run.run_id(), 10).await.unwrap();
    assert_eq!(
        (errors[0].kind.as_str(), errors[0].position),
        ("servers", Some(22))
    );
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_with_more_poison_than_can_be_isolated_fails_its_kind_at_once_and_removes_nothing()
 {
    let limit = ("PANEL_APPLICATION_LIMIT_PER_MINUTE", "100000");
    let mut stage = Stage::without_worker(State::small(), &[limit]).await;
    let ids: Vec<u32> = (9_000..9_101).collect();
    stage.panel.state(|state| {
        let model = state.allocations.values().next().unwrap().clone();
        for (id, port) in ids.iter().zip(30_000..) {
            let mut row = model.clone();
            (row.id, row.port, row.server_id) = (*id, port, None);
            state.allocations.insert(*id, row);
        }
    });
    stage.start_worker();
    stage.full().await;
    stage.panel.state(|state| {
        state.locations.get_mut(&1).unwrap().short = "renamed".to_owned();
    });
    stage.panel.faults(|faults| {
        let poison = ids.iter().map(|id| (Resource::Allocations, *id));
        faults.poison.extend(poison);
    });
    stage.panel.clear_requests();
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.status, "FAILED");
    assert_eq!(run.failed_step.as_deref(), Some("allocations"));
    let error = run.error.unwrap();
    assert!(error.contains("more than 100 single rows"), "{error}");
    let asked = stage.panel.requests().len();
    assert!(asked < 500, "{asked} requests: it was tried again");
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_record_keeps_its_stored_row() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.faults(|faults| {
        faults.malformed.insert(
            (Resource::Servers, 9),
            ("name".to_owned(), serde_json::json!({ "not": "a text" })),
        );
    });
    let run = stage.full().await;
    assert_eq!(run.items_failed, 1);
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_allocations_cannot_be_listed_loses_none() {
    let stage = Stage::with(State::small(), &[("SYNC_STALL_SECONDS", "4")]).await;
    stage.full().await;
    stage.panel.faults(|faults| {
        faults.add(Fault::new(Effect::ServerError).on("/api/application/nodes/3/allocations"));
    });
    let run = stage
        .ended(stage.trigger(Target::One(Kind::Allocations)).await)
        .await;
    assert_eq!(run.status, "FAILED");
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_loses_a_permission_between_two_runs_fails_that_kind_by_name_and_removes_nothing()
 {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    for (resource, name) in [
        (Resource::ServerDatabases, "server_databases"),
        (Resource::DatabaseHosts, "database_hosts"),
        (Resource::Users, "users"),
        (Resource::Allocations, "allocations"),
    ] {
        stage.panel.access(|access| access.withdraw(resource));
        let run = stage.ended(stage.trigger(Target::Full).await).await;
        assert_eq!(run.status, "FAILED");
        if matches!(
            resource,
            Resource::ServerDatabases | Resource::DatabaseHosts
        ) {
            assert_eq!(run.failed_step.as_deref(), Some("databases"));
        }
        let error = run.error.unwrap();
        assert!(error.contains(name), "{error}");
        stage.panel.access(|access| access.grant(resource));
        stage.assert_mirrored().await;
    }
    stage.full().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_only_late_rows_need_is_missed_all_the_same() {
    let mut stage = Stage::without_worker(State::small(), &[]).await;
    // Planning looks at the first 50 servers.
    stage.panel.state(|state| {
        let last = *state.servers.keys().nth(50).unwrap();
        for database in state.databases.values_mut() {
            database.server = last;
        }
    });
    stage
        .panel
        .access(|access| access.withdraw(Resource::DatabaseHosts));
    stage.start_worker();
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.status, "FAILED");
    let error = run.error.unwrap();
    assert!(error.contains("database_hosts"), "{error}");
    stage
        .panel
        .access(|access| access.grant(Resource::DatabaseHosts));
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_fails_the_run_and_the_mirror_stays() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage
        .panel
        .faults(|faults| faults.add(Fault::new(Effect::LoginRedirect)));
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.status, "FAILED");
    assert!(
        run.error.unwrap().contains("key"),
        "the reason names the key"
    );
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.assert_mirrored().await;
}

const RENAMED: &str = "SELECT count(*) FROM servers WHERE name = 'renamed meanwhile'";

/// A mirror whose panel has renamed a server since.
async fn with_news(settings: &[(&str, &str)]) -> Stage {
    let stage = Stage::with(State::small(), settings).await;
    stage.full().await;
    stage.panel.state(|state| {
        state.servers.get_mut(&24).unwrap().name = "renamed meanwhile".to_owned();
    });
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_is_refused_fails_its_kind_by_name_and_no_other() {
    for refusal in [Effect::Html { status: 404 }, Effect::LoginRedirect] {
        let stage = with_news(&[]).await;
        stage
            .panel
            .faults(|faults| faults.add(Fault::new(refusal).on("/api/application/users")));
        let run = stage.ended(stage.trigger(Target::Full).await).await;
        assert_eq!(run.status, "FAILED");
        assert_eq!(run.failed_step.as_deref(), Some("users"));
        let error = run.error.unwrap();
        assert!(error.contains("listing of users"), "{error}");
        assert_eq!(stage.number(RENAMED).await, 1);
        stage.assert_mirrored().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_cannot_be_read_for_a_while_holds_up_no_other() {
    let stage = with_news(&[]).await;
    stage.panel.state(|state| {
        state.users.get_mut(&3).unwrap().username = "renamed".to_owned();
    });
    stage.panel.faults(|faults| {
        faults.add(Fault::new(Effect::Truncated).on("/api/application/users"));
    });
    let id = stage.trigger(Target::Full).await;
    wait_for("the servers", PATIENCE, async || {
        (stage.number(RENAMED).await == 1).then_some(())
    })
    .await;
    stage.panel.faults(simulators::panel::Faults::clear);
    let run = stage.ended(id).await;
    assert_eq!(run.status, "COMPLETED", "{:?}", run.error);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_stays_unreadable_fails_its_kind_by_name_and_all_others_are_mirrored() {
    let stage = with_news(&[("SYNC_STALL_SECONDS", "20")]).await;
    stage.panel.faults(|faults| {
        faults.add(Fault::new(Effect::Truncated).on("/api/application/users"));
    });
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.status, "FAILED");
    assert_eq!(run.failed_step.as_deref(), Some("users"));
    let error = run.error.unwrap();
    assert!(error.starts_with("users: "), "{error}");
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_listed_late_bring_their_allocations() {
    // Nothing is mirrored yet, so no node is known while they cannot be listed.
    let stage = Stage::new(State::small()).await;
    stage.panel.faults(|faults| {
        let fault = Fault::new(Effect::Truncated);
        faults.add(fault.on_exactly("/api/application/nodes").times(4));
    });
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_listed_late_are_mirrored_with_all_that_hangs_on_them() {
    let stage = Stage::new(State::small()).await;
    stage.panel.faults(|faults| {
        let fault = Fault::new(Effect::Truncated);
        faults.add(fault.on_exactly("/api/application/servers").times(4));
    });
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_can_read_nothing_yet_is_planned_once_it_can() {
    // Three attempts at each of four listings, and more.
    survives(Fault::new(Effect::Truncated).times(14)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_a_panel_fails_the_run_in_planning() {
    let stage = with_news(&[]).await;
    stage
        .panel
        .faults(|faults| faults.add(Fault::new(Effect::Html { status: 404 })));
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.status, "FAILED");
    assert_eq!(run.failed_step.as_deref(), Some("plan"));
    let error = run.error.unwrap();
    assert!(error.contains("address"), "{error}");
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_run_completes() {
    let stage = Stage::with(State::small(), &[("REDIS_URL", "redis://127.0.0.1:1/0")]).await;
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rabbitmq_a_run_completes_and_its_events_wait() {
    let stage = Stage::with(State::small(), &[("AMQP_URL", "amqp://127.0.0.1:1/%2f")]).await;
    stage.full().await;
    stage.assert_mirrored().await;
    assert!(
        stage
            .number("SELECT count(*) FROM outbox WHERE published_at IS NULL")
            .await
            > 0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_the_broker() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    wait_for("the outbox to be published", PATIENCE, async || {
        let waiting = stage
            .number("SELECT count(*) FROM outbox WHERE published_at IS NULL")
            .await;
        (waiting == 0).then_some(()).ok_or(waiting)
    })
    .await;
}

//! Runs that could not read everything, and runs that were not asked to.

use crate::stage::{PATIENCE, Stage};
use common::types::sync::{Kind, Target};
use simulators::panel::{Effect, Fault, Resource, State};
use store::NewRun;
use testkit::wait_for;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_one_kind_mirrors_that_kind_and_no_other() {
    let stage = Stage::new(State::small()).await;
    let mut known: Vec<&str> = Vec::new();
    for (kind, tables) in [
        (
            Kind::Servers,
            &["servers", "server_variables", "server_subusers"][..],
        ),
        (Kind::Nests, &["nests", "eggs", "egg_variables"][..]),
        (Kind::Databases, &["database_hosts", "server_databases"][..]),
        (Kind::Locations, &["locations"][..]),
        (Kind::Users, &["panel_users"][..]),
        (Kind::Allocations, &["allocations"][..]),
        (Kind::Nodes, &["nodes"][..]),
    ] {
        let run = stage.sync(Target::One(kind)).await;
        assert_eq!(run.kinds, [kind.as_str()]);
        known.extend(tables);
        known.sort_unstable();
        let counts = stage.store.mirror_counts(stage.panel_id).await.unwrap();
        let filled: Vec<&str> = counts
            .iter()
            .filter(|(_, rows)| **rows > 0)
            .map(|(table, _)| table.as_str())
            .collect();
        assert_eq!(filled, known, "{kind}");
    }
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_run_that_skips_users_leaves_them_to_another_one() {
    let stage = Stage::new(State::small()).await;
    let new = NewRun {
        panel: stage.panel_id,
        target: Target::Full,
        skip_users: true,
        requested_by: "test".to_owned(),
        request_id: None,
    };
    let run = stage.store.run_trigger(&new).await.unwrap().run;
    let run = stage.ended(run.run_id()).await;
    assert_eq!(run.status, "COMPLETED");
    let counts = stage.store.mirror_counts(stage.panel_id).await.unwrap();
    assert_eq!((counts["panel_users"], counts["servers"]), (0, 60));
    stage.sync(Target::One(Kind::Users)).await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_listing_removes_nothing_of_its_kind_and_all_others_go_on() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.faults(|faults| {
        faults.add(Fault::new(Effect::LoginRedirect).on("/api/application/nodes/3/allocations"));
    });
    stage.panel.state(|state| {
        assert!(state.remove_allocation(60), "of another node");
        state.remove_database(1);
        state.locations.get_mut(&1).unwrap().short = "renamed".to_owned();
    });
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.status, "FAILED");
    assert_eq!(run.failed_step.as_deref(), Some("allocations"));
    let differences = stage.differences().await;
    assert_eq!(differences, ["allocations 60: not on the panel"]);
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_that_may_no_longer_be_read_in_mid_run_fail_databases_only() {
    let stage = Stage::with(State::small(), &[("PANEL_PAGE_SIZE", "25")]).await;
    stage.panel.faults(|faults| {
        let effect = Effect::Withdraw {
            resource: Resource::ServerDatabases,
        };
        let fault = Fault::new(effect).on_exactly("/api/application/servers");
        faults.add(fault.with_query("per_page=25").times(1));
    });
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.status, "FAILED");
    assert_eq!(run.failed_step.as_deref(), Some("databases"));
    let error = run.error.unwrap();
    assert!(error.contains("server_databases"), "{error}");
    let listed = stage
        .store
        .panel_listed_kinds(stage.panel_id)
        .await
        .unwrap();
    assert!(listed.contains(&Kind::Servers), "{listed:?}");
    assert!(!listed.contains(&Kind::Databases), "{listed:?}");
    stage
        .panel
        .access(|access| access.grant(Resource::ServerDatabases));
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_was_missed_before_the_worker_changed_is_missed_all_the_same() {
    let settings = [("PANEL_PAGE_SIZE", "1"), ("PANEL_CONCURRENCY", "1")];
    let mut stage = Stage::with(State::small(), &settings).await;
    let servers = "/api/application/servers";
    // Only the first page is read without it, and the second by another worker.
    stage.panel.faults(|faults| {
        let effect = Effect::Withdraw {
            resource: Resource::ServerDatabases,
        };
        let withdraw = Fault::new(effect).on_exactly(servers);
        faults.add(withdraw.with_query("per_page=1").times(1));
        let grant = Fault::hook(|_, access| access.grant(Resource::ServerDatabases));
        faults.add(grant.on_exactly(servers).with_query("per_page=1"));
        let stall = Fault::new(Effect::Stall { seconds: 60.0 }).on_exactly(servers);
        faults.add(stall.with_query("page=2").times(1));
    });
    let id = stage.trigger(Target::One(Kind::Databases)).await;
    wait_for("the second page to be asked for", PATIENCE, async || {
        let requests = stage.panel.requests();
        let asked = |request: &simulators::panel::RequestRecord| {
            request.path_and_query.starts_with(servers) && request.path_and_query.contains("page=2")
        };
        requests.iter().any(asked).then_some(())
    })
    .await;
    stage.stop_workers().await;
    stage.start_worker();
    let run = stage.ended(id).await;
    assert_eq!(run.failed_step.as_deref(), Some("databases"));
    let error = run.error.unwrap();
    assert!(error.contains("server_databases"), "{error}");
}

/// A panel with a node more, whose allocations no server uses.
fn with_spare_node(allocations: u32) -> State {
    let mut state = State::small();
    let mut node = state.nodes[&1].clone();
    node.id = 6;
    node.uuid = uuid::Uuid::from_u128(6);
    state.nodes.insert(6, node);
    let model = state.allocations[&60].clone();
    for number in 0..allocations {
        let mut row = model.clone();
        row.id = 9_000 + number;
        row.port = 20_000 + u16::try_from(number).unwrap();
        row.node_id = 6;
        state.allocations.insert(row.id, row);
    }
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_goes_after_the_run_was_planned_fails_nothing() {
    let stage = Stage::new(with_spare_node(30)).await;
    stage.full().await;
    let hook = Fault::hook(|state, _| {
        state.remove_node(6);
    });
    stage
        .panel
        .faults(|faults| faults.add(hook.on_exactly("/api/application/nodes")));
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_goes_before_the_second_look_at_its_allocations_fails_nothing() {
    let stage = Stage::new(with_spare_node(100)).await;
    stage.full().await;
    stage.panel.state(|state| {
        for id in 9_000..9_055 {
            assert!(state.remove_allocation(id));
        }
    });
    let hook = Fault::hook(|state, _| {
        state.remove_node(6);
    });
    stage.panel.faults(|faults| {
        faults.add(hook.on_exactly("/api/application/nodes/6/allocations"));
    });
    stage.sync(Target::One(Kind::Allocations)).await;
    let live = "SELECT count(*) FROM allocations WHERE node_remote_id = 6 AND removed_at IS NULL";
    assert_eq!(stage.number(live).await, 100, "nothing was proven");
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_stay_with_a_server_that_was_replaced_until_they_are_read() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let removed = "SELECT count(*) FROM server_databases WHERE removed_at IS NOT NULL";
    let replace = || {
        stage.panel.state(|state| {
            let server = state.databases.values().next().unwrap().server;
            state.replace_server_uuid(server).unwrap();
        });
    };
    replace();
    stage.sync(Target::One(Kind::Servers)).await;
    stage.assert_mirrored().await;
    assert_eq!(stage.number(removed).await, 0);
    // The same when the run wanted to read them and could not.
    replace();
    stage
        .panel
        .access(|access| access.withdraw(Resource::ServerDatabases));
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.failed_step.as_deref(), Some("databases"));
    stage
        .panel
        .access(|access| access.grant(Resource::ServerDatabases));
    stage.assert_mirrored().await;
    assert_eq!(stage.number(removed).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_whose_allocations_cannot_be_listed_keep_no_other_listing_from_being_read() {
    // More of them than the panel is asked for at once, before the servers.
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        assert!(state.nodes.len() > 4);
        state.servers.get_mut(&24).unwrap().name = "renamed".to_owned();
    });
    stage.panel.faults(|faults| {
        let fault = Fault::new(Effect::Truncated);
        faults.add(fault.matching(|asked| {
            let path = asked.split('?').next();
            path.is_some_and(|path| path.ends_with("/allocations"))
        }));
    });
    let id = stage.trigger(Target::Full).await;
    let renamed = "SELECT count(*) FROM servers WHERE name = 'renamed'";
    wait_for("the servers", PATIENCE, async || {
        (stage.number(renamed).await == 1).then_some(())
    })
    .await;
    stage.panel.faults(simulators::panel::Faults::clear);
    let run = stage.ended(id).await;
    assert_eq!(run.status, "COMPLETED", "{:?}", run.error);
    stage.assert_mirrored().await;
}

/// Gives the first allocation of node 3 a note.
fn note_an_allocation(stage: &Stage) {
    stage.panel.state(|state| {
        let mut rows = state.allocations.values_mut();
        let row = rows.find(|row| row.node_id == 3).unwrap();
        row.notes = Some("noted".to_owned());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn allocations_of_a_node_that_cannot_be_read_are_listed_all_the_same() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    note_an_allocation(&stage);
    stage.panel.faults(|faults| {
        let name = ("name".to_owned(), serde_json::json!({ "not": "a text" }));
        faults.malformed.insert((Resource::Nodes, 3), name);
    });
    assert_eq!(stage.full().await.items_failed, 1);
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn allocations_of_known_nodes_are_listed_though_nodes_cannot_be() {
    let stage = Stage::with(State::small(), &[("SYNC_STALL_SECONDS", "4")]).await;
    stage.full().await;
    note_an_allocation(&stage);
    stage.panel.faults(|faults| {
        let fault = Fault::new(Effect::Truncated);
        faults.add(fault.on_exactly("/api/application/nodes"));
    });
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.failed_step.as_deref(), Some("nodes"));
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.assert_mirrored().await;
}

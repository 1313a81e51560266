//! Pages that a panel cannot send whole: too large, too slow, or with a row in
//! them that it cannot send at all.

use common::types::panel::Lookup;
use panels::{PanelError, PanelSettings};
use simulators::panel::{Effect, Fault, Panel, Resource};
use std::time::Duration;

use crate::setup::{
    ALL, NOTHING, all_servers, client, client_with, ids, page, panel, panel_with, settings,
    unhurried,
};
use crate::stage::{Reply, Stage};

#[tokio::test]
async fn a_poison_row_is_isolated_and_named() {
    let (panel, client) = panel().await;
    let all = all_servers(&panel);
    let victim = all[17];
    poison(&panel, Resource::Servers, &[victim]);
    let chunk = client.servers(page(1, 500), ALL).await.unwrap();
    assert_eq!(chunk.rows.len(), all.len() - 1);
    assert!(!ids(&chunk).contains(&victim));
    assert_eq!(chunk.poison.len(), 1);
    assert_eq!(chunk.poison[0].position, 17);
    assert_eq!(chunk.poison[0].id, Some(victim));
    assert_eq!(chunk.total, all.len() as u64);
    assert!(chunk.requests <= 30, "{}", chunk.requests);
}

#[tokio::test]
async fn poison_at_both_ends_and_side_by_side_is_named() {
    let (panel, client) = panel().await;
    let all = all_servers(&panel);
    let last = all.len() - 1;
    let victims = [0, 9, 10, 11, 12, 13, 14, 15, last].map(|place| all[place]);
    poison(&panel, Resource::Servers, &victims);
    let chunk = client.servers(page(1, 500), NOTHING).await.unwrap();
    let named: Vec<_> = chunk.poison.iter().filter_map(|row| row.id).collect();
    assert_eq!(named, victims);
    assert_eq!(chunk.rows.len(), all.len() - victims.len());
}

#[tokio::test]
async fn a_poison_row_at_the_edge_of_a_page_is_named_from_beyond_it() {
    let (panel, client) = panel().await;
    let all = all_servers(&panel);
    poison(&panel, Resource::Servers, &[all[25]]);
    let chunk = client.servers(page(2, 25), NOTHING).await.unwrap();
    assert_eq!(ids(&chunk), all[26..50]);
    assert_eq!(chunk.poison[0].id, Some(all[25]));
}

#[tokio::test]
async fn poison_among_allocations_keeps_its_siblings() {
    let (panel, client) = panel().await;
    let (node, first) = panel.state(|state| {
        let first = state.allocations.values().next().unwrap();
        (i64::from(first.node_id), i64::from(first.id))
    });
    let before = client.allocations(node, page(1, 2_000)).await.unwrap();
    poison(&panel, Resource::Allocations, &[first]);
    let after = client.allocations(node, page(1, 2_000)).await.unwrap();
    assert_eq!(after.rows.len() + 1, before.rows.len());
    assert_eq!(after.poison.len(), 1);
    assert_eq!(after.poison[0].id, None);
}

#[tokio::test]
async fn a_page_too_large_for_the_panels_memory_is_cut_down() {
    let (panel, client) = panel().await;
    panel.faults(|faults| faults.memory.insert(Resource::Servers, 100));
    let chunk = client.servers(page(1, 500), NOTHING).await.unwrap();
    assert_eq!(ids(&chunk), all_servers(&panel));
    assert!(chunk.poison.is_empty());
}

#[tokio::test]
async fn a_page_is_cut_to_divisors_down_to_single_rows() {
    let (panel, client) = panel().await;
    let node = panel.state(|state| {
        let first = state.allocations.values().next().unwrap();
        i64::from(first.node_id)
    });
    let whole = client.allocations(node, page(1, 2_000)).await.unwrap();
    panel.clear_requests();
    panel.faults(|faults| faults.memory.insert(Resource::Allocations, 1));
    let pieces = client.allocations(node, page(1, 2_000)).await.unwrap();
    let sorted = |mut ids: Vec<i64>| {
        ids.sort_unstable();
        ids
    };
    assert_eq!(
        sorted(whole.rows.iter().map(|row| row.id).collect()),
        sorted(pieces.rows.iter().map(|row| row.id).collect())
    );
    assert_eq!(pieces.requests as usize, panel.requests().len());
    let mut sizes: Vec<u32> = Vec::new();
    for request in panel.requests() {
        let (_, rest) = request.path_and_query.split_once("per_page=").unwrap();
        let size = rest.split('&').next().unwrap().parse().unwrap();
        if !sizes.contains(&size) {
            sizes.push(size);
        }
    }
    assert_eq!(sizes, [2_000, 500, 250, 125, 25, 5, 1]);
}

#[tokio::test]
async fn a_gap_beside_a_poison_row_is_told_from_it() {
    let (panel, client) = panel().await;
    let all = all_servers(&panel);
    panel.state(|state| {
        for place in [16, 18] {
            state.remove_server(u32::try_from(all[place]).unwrap());
        }
    });
    poison(&panel, Resource::Servers, &[all[17]]);
    let chunk = client.servers(page(1, 500), NOTHING).await.unwrap();
    assert_eq!(chunk.poison.len(), 1);
    assert_eq!(chunk.poison[0].position, 16);
    assert_eq!(chunk.poison[0].id, Some(all[17]));
}

#[tokio::test]
async fn a_page_that_comes_too_late_is_cut_down() {
    let fault = Fault::new(Effect::Stall { seconds: 15.0 }).with_query("per_page=500");
    let (panel, _) = panel_with(fault).await;
    let client = client_with(PanelSettings {
        request_timeout: Duration::from_secs(3),
        ..settings(&panel.url(), panel.application_key(), None)
    });
    let chunk = client.servers(page(1, 500), NOTHING).await.unwrap();
    assert_eq!(ids(&chunk), all_servers(&panel));
}

#[tokio::test]
async fn a_total_that_moves_between_the_pieces_of_a_page_is_told() {
    let (panel, client) = panel().await;
    let last = all_servers(&panel).pop().unwrap();
    panel.faults(|faults| {
        faults.memory.insert(Resource::Servers, 25);
        let hook = Fault::hook(move |state, _| {
            state.remove_server(u32::try_from(last).unwrap());
        });
        faults.add(hook.with_query("per_page=25"));
    });
    let chunk = client.servers(page(1, 500), NOTHING).await.unwrap();
    assert!(!chunk.total_constant);
}

#[tokio::test]
async fn a_slow_panel_is_not_taken_for_one_that_is_away() {
    let (panel, _) = panel_with(Fault::new(Effect::Stall { seconds: 15.0 })).await;
    let client = client_with(PanelSettings {
        request_timeout: Duration::from_secs(1),
        ..settings(&panel.url(), panel.application_key(), None)
    });
    // As many as would do if nobody answered; a page of one row is asked for once.
    for _ in 0..5 {
        let error = client.servers(page(1, 1), NOTHING).await.unwrap_err();
        assert!(matches!(error, PanelError::Timeout { .. }), "{error}");
    }
    panel.faults(simulators::panel::Faults::clear);
    client.servers(page(1, 1), NOTHING).await.unwrap();
}

#[tokio::test]
async fn a_silent_panel_is_a_timeout_and_not_poison() {
    let (panel, _) = panel_with(Fault::new(Effect::StallMidBody { seconds: 15.0 })).await;
    let client = client_with(PanelSettings {
        request_timeout: Duration::from_secs(1),
        ..settings(&panel.url(), panel.application_key(), None)
    });
    let error = client.servers(page(1, 5), NOTHING).await.unwrap_err();
    assert!(matches!(error, PanelError::Timeout { .. }) && error.is_transient());
    let error = client.user(1).await.unwrap_err();
    assert!(matches!(error, PanelError::Timeout { .. }));
}

#[tokio::test]
async fn a_panel_that_fails_at_everything_is_broken_not_poisoned() {
    for effect in [Effect::ServerError, Effect::EmptyServerError] {
        let (_panel, client) = panel_with(Fault::new(effect)).await;
        let error = client.servers(page(1, 500), NOTHING).await.unwrap_err();
        assert!(matches!(error, PanelError::Offline { .. }) && error.is_transient());
        assert!(client.requests_made() < 10);
        assert!(matches!(
            client.server(1, NOTHING).await.unwrap(),
            Lookup::Unreadable(_)
        ));
    }
}

#[tokio::test]
async fn a_hundred_poison_rows_of_a_page_are_isolated_and_more_are_refused_for_good() {
    let (panel, _) = panel().await;
    let client = unhurried(settings(&panel.url(), panel.application_key(), None));
    let (node, model) = panel.state(|state| {
        let model = state.allocations.values().next().unwrap().clone();
        (i64::from(model.node_id), model)
    });
    let ids: Vec<u32> = (9_000..9_101).collect();
    panel.state(|state| {
        for (id, port) in ids.iter().zip(30_000..) {
            let row = simulators::panel::rows::Allocation {
                id: *id,
                port,
                server_id: None,
                ..model.clone()
            };
            state.allocations.insert(*id, row);
        }
    });
    let whole = client.allocations(node, page(1, 500)).await.unwrap();
    let ids: Vec<i64> = ids.into_iter().map(i64::from).collect();
    poison(&panel, Resource::Allocations, &ids[1..]);
    let chunk = client.allocations(node, page(1, 500)).await.unwrap();
    assert_eq!(chunk.poison.len(), 100);
    assert_eq!(chunk.rows.len() + 100, whole.rows.len());
    poison(&panel, Resource::Allocations, &ids);
    let before = client.requests_made();
    let error = client.allocations(node, page(1, 500)).await.unwrap_err();
    assert!(
        matches!(error, PanelError::TooMuchPoison { most: 100 }) && !error.is_transient(),
        "{error}"
    );
    let asked = client.requests_made() - before;
    assert!(asked < 400, "{asked} requests");
}

#[tokio::test]
async fn a_passing_500_leaves_no_trace() {
    let (panel, client) = panel_with(Fault::new(Effect::ServerError).times(6)).await;
    let chunk = client.servers(page(1, 500), NOTHING).await.unwrap();
    assert_eq!(ids(&chunk), all_servers(&panel));
    assert!(chunk.poison.is_empty());
}

#[tokio::test]
async fn a_panel_that_caps_pages_is_asked_for_smaller_ones() {
    let stage = Stage::play(|_, target| {
        let number = |name: &str| -> usize {
            let (_, rest) = target.split_once(&format!("&{name}=")).unwrap();
            rest.split('&').next().unwrap().parse().unwrap()
        };
        let (page, size) = (number("page"), number("per_page").min(100));
        let data: Vec<_> = (1..=140)
            .skip((page - 1) * size)
            .take(size)
            .map(|id| {
                serde_json::json!({"object": "location", "attributes":
                {"id": id, "short": "x", "long": null}})
            })
            .collect();
        let body = serde_json::json!({"object": "list", "data": data, "meta": {"pagination":
            {"total": 140, "per_page": size, "current_page": page}}});
        Reply::json(200, body.to_string())
    })
    .await;
    let chunk = client(&stage.url).locations(page(1, 500)).await.unwrap();
    let ids: Vec<_> = chunk.rows.iter().map(|location| location.id).collect();
    assert_eq!(ids, (1..=140).collect::<Vec<_>>());
}

fn poison(panel: &Panel, resource: Resource, ids: &[i64]) {
    panel.faults(|faults| {
        let rows = ids.iter().map(|id| (resource, u32::try_from(*id).unwrap()));
        faults.poison.extend(rows);
    });
}

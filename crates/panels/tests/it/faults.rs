//! What the client makes of a panel that misbehaves.

use common::types::panel::{Included, Lookup};
use panels::{PanelError, PanelSettings, RetryPolicy};
use simulators::panel::{Effect, Fault, Resource};
use std::time::Duration;

use crate::setup::{ALL, all_servers, client, client_with, ids, page, panel, panel_with, settings};
use crate::stage::{Reply, Stage};

#[tokio::test]
async fn one_request_brings_a_page_with_all_its_relations() {
    let (panel, client) = panel().await;
    let chunk = client.servers(page(1, 500), ALL).await.unwrap();
    assert_eq!(ids(&chunk), all_servers(&panel));
    assert_eq!(chunk.requests, 1);
    assert!(chunk.total_constant);
    assert_eq!(chunk.total, chunk.rows.len() as u64);
    for server in &chunk.rows {
        let allocations = server.allocations.listed().unwrap();
        assert!(allocations.contains(&server.allocation.unwrap()));
        assert!(server.variables.listed().is_some());
        assert!(server.subusers.listed().is_some());
        for database in server.databases.listed().unwrap() {
            assert!(database.database_host.is_some());
        }
    }
    assert_eq!(client.requests_made(), 1);
}

#[tokio::test]
async fn all_listings_together_are_the_panel() {
    let (panel, client) = panel().await;
    let all = page(1, 2_000);
    let nodes = client.nodes(all).await.unwrap().rows;
    let mut allocations = 0;
    for node in &nodes {
        allocations += client.allocations(node.id, all).await.unwrap().rows.len();
    }
    let nests = client.nests(all).await.unwrap().rows;
    let eggs = nests.iter().flat_map(|nest| &nest.eggs);
    let told = [
        client.locations(all).await.unwrap().rows.len(),
        nodes.len(),
        allocations,
        nests.len(),
        eggs.clone().count(),
        eggs.map(|egg| egg.variables.len()).sum(),
        client.users(all).await.unwrap().rows.len(),
    ];
    let held = panel.state(|state| {
        [
            state.locations.len(),
            state.nodes.len(),
            state.allocations.len(),
            state.nests.len(),
            state.eggs.len(),
            state.egg_variables.len(),
            state.users.len(),
        ]
    });
    assert_eq!(told, held);
}

#[tokio::test]
async fn troubles_that_pass_are_sat_out() {
    for effect in [
        Effect::Maintenance,
        Effect::Html { status: 200 },
        Effect::Html { status: 502 },
        Effect::Truncated,
        Effect::Reset,
        Effect::ResetMidBody,
    ] {
        let (panel, client) = panel_with(Fault::new(effect.clone()).times(2)).await;
        let chunk = client.servers(page(1, 500), ALL).await.unwrap();
        assert_eq!(ids(&chunk), all_servers(&panel), "{effect:?}");
        assert_eq!(chunk.requests, 3, "{effect:?}");
    }
}

#[tokio::test]
async fn troubles_that_stay_are_never_a_row_gone() {
    for effect in [
        Effect::Maintenance,
        Effect::Html { status: 503 },
        Effect::Reset,
    ] {
        let (_panel, client) = panel_with(Fault::new(effect.clone())).await;
        let error = client.location(999).await.unwrap_err();
        assert!(error.is_transient(), "{effect:?}: {error}");
    }
    for effect in [
        Effect::Html { status: 200 },
        Effect::Truncated,
        Effect::ResetMidBody,
    ] {
        let (_panel, client) = panel_with(Fault::new(effect.clone())).await;
        let told = client.location(999).await.unwrap();
        assert!(
            matches!(told, Lookup::Unreadable(_)),
            "{effect:?}: {told:?}"
        );
    }
}

#[tokio::test]
async fn only_the_panels_own_404_means_gone() {
    let (panel, client) = panel().await;
    assert_eq!(client.location(999).await.unwrap(), Lookup::Gone);
    assert_eq!(client.server(999, ALL).await.unwrap(), Lookup::Gone);
    assert_eq!(client.database(999, 1).await.unwrap(), Lookup::Gone);
    panel.faults(|faults| faults.add(Fault::new(Effect::Html { status: 404 })));
    let error = client.location(1).await.unwrap_err();
    assert!(matches!(error, PanelError::NoSuchAddress(_)));
}

#[tokio::test]
async fn a_login_page_is_a_key_that_is_not_accepted() {
    let (_panel, client) = panel_with(Fault::new(Effect::LoginRedirect)).await;
    let error = client.nodes(page(1, 500)).await.unwrap_err();
    assert!(matches!(
        error,
        PanelError::Unauthorized { status: 302, .. }
    ));
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_429_is_obeyed() {
    let fault = Fault::new(Effect::TooManyRequests { retry_after: 1 }).times(1);
    let (_panel, client) = panel_with(fault).await;
    let before = std::time::Instant::now();
    let chunk = client.locations(page(1, 500)).await.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(1));
    assert_eq!(chunk.requests, 2);
}

#[tokio::test]
async fn a_key_without_permission_is_an_error_that_names_it() {
    let (panel, client) = panel().await;
    panel.access(|access| {
        access.withdraw(Resource::Users);
        access.withdraw(Resource::Eggs);
    });
    let error = client.users(page(1, 500)).await.unwrap_err();
    assert!(matches!(
        error,
        PanelError::Forbidden {
            permission: "users"
        }
    ));
    let error = client.nests(page(1, 500)).await.unwrap_err();
    assert!(matches!(
        error,
        PanelError::Forbidden { permission: "eggs" }
    ));
    let chunk = client.servers(page(1, 500), ALL).await.unwrap();
    assert!(chunk.rows.iter().all(
        |server| server.subusers == Included::Forbidden && server.databases.listed().is_some()
    ));
}

#[tokio::test]
async fn an_empty_listing_is_empty() {
    let (panel, client) = panel().await;
    panel.faults(|faults| faults.empty.insert(Resource::Servers));
    let chunk = client.servers(page(1, 500), ALL).await.unwrap();
    assert_eq!((chunk.rows.len(), chunk.total), (0, 0));
    assert!(chunk.total_constant);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_costs_no_other() {
    let (panel, client) = panel().await;
    let all = all_servers(&panel);
    panel.faults(|faults| {
        let row = (Resource::Servers, u32::try_from(all[4]).unwrap());
        let change = ("user".to_owned(), "planted-word".into());
        faults.malformed.insert(row, change);
    });
    let chunk = client.servers(page(1, 500), ALL).await.unwrap();
    assert_eq!(chunk.rows.len(), all.len() - 1);
    assert_eq!(chunk.bad[0].id, Some(all[4]));
    assert_eq!(chunk.bad[0].position, 4);
    let reason = &chunk.bad[0].reason;
    assert_eq!(
        reason,
        "attributes.user: expected an integer within its range"
    );
    let looked_up = client.server(all[4], ALL).await.unwrap();
    assert!(matches!(looked_up, Lookup::Unreadable(_)));
}

#[tokio::test]
async fn an_allocation_is_looked_up_by_its_exact_address() {
    let (panel, client) = panel().await;
    let one = panel.state(|state| state.allocations.values().next().unwrap().clone());
    let node = i64::from(one.node_id);
    let port = i32::from(one.port);
    let found = client.allocation(node, &one.ip, port).await.unwrap();
    assert!(matches!(found, Lookup::Found(row) if row.id == i64::from(one.id)));
    let other = client.allocation(node, &one.ip, 1).await.unwrap();
    assert_eq!(other, Lookup::Gone);
    assert_eq!(
        client.allocation(999, &one.ip, port).await.unwrap(),
        Lookup::Gone
    );
    for not_literal in ["", " ", "192.0.2.1,192.0.2.2"] {
        let error = client
            .allocation(node, not_literal, port)
            .await
            .unwrap_err();
        assert!(matches!(error, PanelError::InvalidRequest(_)));
    }
}

#[tokio::test]
async fn a_panel_that_ignores_the_filter_proves_nothing() {
    let stage =
        Stage::play(|_, _| Reply::json(200, include_str!("../../corpus/allocations.json"))).await;
    let told = client(&stage.url).allocation(1, "192.0.2.200", 25565).await;
    assert!(matches!(told, Ok(Lookup::Unreadable(_))), "{told:?}");
}

#[tokio::test]
async fn a_panel_that_is_away_is_not_asked_for_a_while() {
    let client = client_with(PanelSettings {
        retry: RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        },
        ..settings("http://127.0.0.1:9", "ptla_app", None)
    });
    for _ in 0..8 {
        let error = client.location(1).await.unwrap_err();
        assert!(matches!(error, PanelError::Offline { .. }));
    }
    assert_eq!(client.requests_made(), 5);
}

#[tokio::test]
async fn live_use_is_read_with_the_client_key() {
    let (panel, client) = panel().await;
    let running = panel.state(|state| {
        let mut servers = state.servers.values();
        servers.find(|server| server.status.is_none()).unwrap().uuid
    });
    let detail = client.server_detail(running).await.unwrap();
    assert_eq!(detail.uuid, running);
    assert!(!detail.allocations.unwrap().is_empty());
    let resources = client.server_resources(running).await.unwrap();
    assert!(!resources.current_state.is_empty());
}

//! What live use needs of the Client API.

use std::time::Duration;

use serde_json::Value;
use simulators::panel::{Panel, rows::Daemon};

use super::support::{get_with, ids, refusal, small, total};

async fn client_get(panel: &Panel, path: &str) -> reqwest::Response {
    get_with(panel, &format!("/api/client{path}"), panel.client_key()).await
}

fn short(panel: &Panel, id: u32) -> String {
    panel.state(|state| state.servers[&id].uuid.to_string()[..8].to_owned())
}

/// A server on a node that is not in maintenance, its node and its short identifier.
fn idle(panel: &Panel) -> (u32, u32, String) {
    let (server, node) = panel.state(|state| {
        let idle = state.servers.values().find(|row| {
            row.status.is_none()
                && !state.nodes[&row.node].maintenance_mode
                && !state.transfers.contains(&row.id)
        });
        idle.map(|row| (row.id, row.node)).unwrap()
    });
    (server, node, short(panel, server))
}

#[actix_web::test]
async fn a_root_admin_lists_everything_a_hundred_at_a_time() {
    let panel = small().await;
    let list: Value = client_get(&panel, "?type=admin-all&per_page=500")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(total(&list), 60);
    assert_eq!(list["meta"]["pagination"]["per_page"], 100);
    panel.access(|access| access.add_client_key("ptlc_user5", 5));
    let list: Value = get_with(&panel, "/api/client?type=admin-all", "ptlc_user5")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!((total(&list), ids(&list)), (0, Vec::new()));
}

#[actix_web::test]
async fn use_is_shown_of_a_running_server() {
    let panel = small().await;
    let (_, _, name) = idle(&panel);
    let stats: Value = client_get(&panel, &format!("/servers/{name}/resources"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(stats["object"], "stats");
    assert_eq!(stats["attributes"]["current_state"], "running");
    assert!(stats["attributes"]["resources"]["cpu_absolute"].is_f64());
}

#[actix_web::test]
async fn a_server_in_between_states_conflicts_but_can_be_viewed() {
    let panel = small().await;
    panel.state(|state| {
        state
            .nodes
            .values_mut()
            .for_each(|node| node.maintenance_mode = false)
    });
    for (id, status) in [(5, 409), (6, 409), (7, 409), (8, 409), (9, 200), (10, 409)] {
        let name = short(&panel, id);
        assert_eq!(
            client_get(&panel, &format!("/servers/{name}"))
                .await
                .status(),
            200
        );
        assert_eq!(
            client_get(&panel, &format!("/servers/{name}/resources"))
                .await
                .status(),
            status,
            "server {id}"
        );
    }
}

#[actix_web::test]
async fn a_daemon_in_trouble_is_a_gateway_timeout() {
    let panel = small().await;
    let (_, node, name) = idle(&panel);
    let daemons = [
        Daemon::Unreachable,
        Daemon::Failing(500),
        Daemon::Hanging(Duration::from_millis(1)),
        Daemon::Garbage,
    ];
    let mut refusals = Vec::new();
    for daemon in daemons {
        panel.state(|state| state.nodes.get_mut(&node).unwrap().daemon = daemon);
        refusals.push(
            refusal(client_get(&panel, &format!("/servers/{name}/resources")).await)
                .await
                .0,
        );
    }
    assert_eq!(refusals, [504, 504, 504, 500]);
}

#[actix_web::test]
async fn somebody_elses_server_is_not_there() {
    let panel = small().await;
    panel.access(|access| access.add_client_key("ptlc_user2", 2));
    let foreign = panel.state(|state| {
        let mine = |row: &u32| {
            state
                .subusers
                .values()
                .any(|subuser| (subuser.server_id, subuser.user_id) == (*row, 2))
        };
        state
            .servers
            .values()
            .find(|row| row.user != 2 && !mine(&row.id))
            .unwrap()
            .uuid
    });
    let response = get_with(
        &panel,
        &format!("/api/client/servers/{foreign}"),
        "ptlc_user2",
    )
    .await;
    assert_eq!(
        refusal(response).await,
        (404, "NotFoundHttpException".to_owned())
    );
}

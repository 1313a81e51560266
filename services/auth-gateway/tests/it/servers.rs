use std::time::Duration;

use reqwest::StatusCode;
use simulators::panel::{Effect, Fault, Options, Panel, State, rows::Daemon};
use uuid::Uuid;

use crate::gateway::{Differences, Gateway, closed_port, error_code};

/// A server in the mirror and, where there is one, on its panel.
struct Place {
    gateway: Gateway,
    panel: Panel,
    /// Our id.
    id: Uuid,
    /// The panel's.
    uuid: Uuid,
}

impl Place {
    async fn new() -> Self {
        let panel = Panel::start(State::small(), Options::default())
            .await
            .unwrap();
        let uuid = panel.state(|state| {
            let running = state
                .servers
                .values()
                .find(|server| server.status.is_none());
            running.unwrap().uuid
        });
        let variables = vec![
            ("PTERODACTYL_URL", panel.url()),
            ("PTERODACTYL_API_KEY", panel.application_key().to_owned()),
            ("PTERODACTYL_CLIENT_API_KEY", panel.client_key().to_owned()),
        ];
        let gateway = Gateway::start_with(Differences {
            variables,
            ..Differences::default()
        })
        .await;
        let id = mirror(&gateway, uuid).await;
        Self {
            gateway,
            panel,
            id,
            uuid,
        }
    }

    fn path(&self) -> String {
        format!("/api/v1/servers/{}/resources", self.id)
    }

    async fn ask_under(&self, effect: Effect) -> (StatusCode, String) {
        self.panel.faults(|faults| {
            faults.clear();
            faults.add(Fault::new(effect).on("/api/client"));
        });
        let (status, body) = self.gateway.get(&self.path()).await;
        (status, error_code(status, &body))
    }
}

/// Puts a server into the mirror.
pub async fn mirror(gateway: &Gateway, uuid: Uuid) -> Uuid {
    let id = Uuid::now_v7();
    let row = "INSERT INTO servers (id, panel_id, remote_id, uuid, identifier, name, description, suspended, \
        memory, swap, disk, io, cpu, oom_disabled, backup_limit, owner_remote_id, node_remote_id, \
        nest_remote_id, egg_remote_id, startup_command, image, installed) \
        VALUES ($1, $2, (SELECT 1 + count(*) FROM servers), $3, 'id', 'name', '', false, 1, 0, 1, 500, 100, false, 0, 1, 1, 1, 1, '', '', true)";
    let database = gateway.database.connect().await;
    database
        .execute(row, &[&id, &gateway.panel().await.0, &uuid])
        .await
        .unwrap();
    id
}

/// Puts a user of the panel, who is this user of ours, into the mirror.
pub async fn mirror_user(gateway: &Gateway, user: &str) -> Uuid {
    let id = Uuid::now_v7();
    let rows = format!(
        "INSERT INTO panel_users (id, panel_id, remote_id, uuid, username, email, language, root_admin, two_factor)
           VALUES ('{id}', '{panel}', 1, gen_random_uuid(), '{user}', '{user}@users.example', 'en', false, false);
         INSERT INTO user_links (panel_id, user_id, panel_user_id) VALUES ('{panel}', '{user}', '{id}')",
        panel = gateway.panel().await.0
    );
    let database = gateway.database.connect().await;
    database.batch_execute(&rows).await.unwrap();
    id
}

#[tokio::test]
async fn what_a_server_uses_is_asked_of_its_panel() {
    let place = Place::new().await;
    for id in [place.id, place.uuid] {
        let (status, body) = place
            .gateway
            .get(&format!("/api/v1/servers/{id}/resources"))
            .await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert!(body["data"]["currentState"].is_string(), "{body}");
        for name in [
            "memoryBytes",
            "diskBytes",
            "networkRxBytes",
            "networkTxBytes",
            "uptime",
        ] {
            assert!(body["data"][name].is_i64(), "{name} in {body}");
        }
    }
    let asked = format!("/api/client/servers/{}/resources", place.uuid);
    assert!(
        place
            .panel
            .requests()
            .iter()
            .any(|request| request.path_and_query == asked)
    );
}

#[tokio::test]
async fn a_server_that_nobody_knows_is_not_found() {
    let place = Place::new().await;
    for id in [Uuid::new_v4().to_string(), "no-id".to_owned()] {
        let (status, body) = place
            .gateway
            .get(&format!("/api/v1/servers/{id}/resources"))
            .await;
        assert_eq!(
            (status, error_code(status, &body).as_str()),
            (StatusCode::NOT_FOUND, "NOT_FOUND")
        );
    }
    assert!(
        place.panel.requests().is_empty(),
        "the panel is not asked for what we do not mirror"
    );
}

#[tokio::test]
async fn a_state_that_forbids_it_is_a_conflict() {
    let place = Place::new().await;
    place.panel.state(|state| {
        let server = state
            .servers
            .values_mut()
            .find(|server| server.uuid == place.uuid);
        server.unwrap().status = Some("suspended".to_owned());
    });
    let (status, body) = place.gateway.get(&place.path()).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert_eq!(error_code(status, &body), "SERVER_STATE_CONFLICT");
}

#[tokio::test]
async fn a_panel_in_trouble_is_a_bad_gateway() {
    let place = Place::new().await;
    let refused = place.ask_under(Effect::ServerError).await;
    assert_eq!(refused, (StatusCode::BAD_GATEWAY, "PANEL_ERROR".to_owned()));
    let refused = place.ask_under(Effect::LoginRedirect).await;
    assert_eq!(
        refused,
        (StatusCode::BAD_GATEWAY, "PANEL_REFUSED".to_owned())
    );
}

#[tokio::test]
async fn a_node_that_does_not_answer_its_panel_is_named_and_asked_for_once() {
    let place = Place::new().await;
    place.panel.state(|state| {
        for node in state.nodes.values_mut() {
            node.daemon = Daemon::Unreachable;
        }
    });
    let (status, body) = place.gateway.get(&place.path()).await;
    let seen = (status, error_code(status, &body));
    assert_eq!(seen, (StatusCode::BAD_GATEWAY, "NODE_OFFLINE".to_owned()));
    assert_eq!(place.panel.requests().len(), 1);
}

#[tokio::test]
async fn a_panel_that_is_not_there_is_a_bad_gateway() {
    let url = format!("http://127.0.0.1:{}", closed_port());
    let variables = vec![("PTERODACTYL_URL", url)];
    let gateway = Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await;
    let id = mirror(&gateway, Uuid::new_v4()).await;
    let (status, body) = gateway
        .get(&format!("/api/v1/servers/{id}/resources"))
        .await;
    let seen = (status, error_code(status, &body));
    assert_eq!(seen, (StatusCode::BAD_GATEWAY, "PANEL_OFFLINE".to_owned()));
}

#[tokio::test]
async fn a_panel_that_takes_too_long_is_a_gateway_timeout() {
    let panel = Panel::start(State::small(), Options::default())
        .await
        .unwrap();
    panel.faults(|faults| faults.add(Fault::new(Effect::Stall { seconds: 60.0 })));
    let variables = vec![
        ("PTERODACTYL_URL", panel.url()),
        ("PANEL_REQUEST_TIMEOUT_SECONDS", "1".to_owned()),
    ];
    let gateway = Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await;
    let id = mirror(&gateway, Uuid::new_v4()).await;
    let (status, body) = gateway
        .get(&format!("/api/v1/servers/{id}/resources"))
        .await;
    let seen = (status, error_code(status, &body));
    assert_eq!(
        seen,
        (StatusCode::GATEWAY_TIMEOUT, "PANEL_TIMEOUT".to_owned())
    );
}

#[tokio::test]
async fn a_panel_that_wants_to_be_left_alone_is() {
    let place = Place::new().await;
    let (status, code) = place
        .ask_under(Effect::TooManyRequests { retry_after: 30 })
        .await;
    assert_eq!(
        (status, code.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "PANEL_BUSY")
    );
    let asked = place.panel.requests().len();
    place.panel.faults(simulators::panel::Faults::clear);
    let (status, body) = place.gateway.get(&place.path()).await;
    assert_eq!(error_code(status, &body), "PANEL_BUSY");
    let wait = Duration::from_secs(body["retry_after"].as_u64().unwrap());
    assert!(wait <= Duration::from_secs(31) && !wait.is_zero(), "{body}");
    assert_eq!(
        place.panel.requests().len(),
        asked,
        "nothing is asked inside the wait"
    );
}

#[tokio::test]
async fn without_a_client_key_live_use_says_so() {
    let variables = vec![("PTERODACTYL_CLIENT_API_KEY", String::new())];
    let gateway = Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await;
    let id = mirror(&gateway, Uuid::new_v4()).await;
    let (status, body) = gateway
        .get(&format!("/api/v1/servers/{id}/resources"))
        .await;
    let seen = (status, error_code(status, &body));
    assert_eq!(
        seen,
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "PANEL_KEY_MISSING".to_owned()
        )
    );
}

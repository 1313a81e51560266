use panels::PanelError;
use uuid::Uuid;

use crate::setup::{client, client_with, settings};
use crate::stage::{Reply, Stage};

const SERVER: Uuid = Uuid::from_u128(0x0b7a_2f5e_52a4_4f4c_9a5e_0d4c_3b1f_6a01);

async fn error_for(reply: Reply) -> (PanelError, usize) {
    let stage = Stage::play(move |_, _| reply.clone()).await;
    let error = client(&stage.url)
        .server_resources(SERVER)
        .await
        .unwrap_err();
    (error, stage.seen().len())
}

#[tokio::test]
async fn resources_are_asked_with_the_client_key() {
    let stage = Stage::play(|_, _| {
        Reply::json(
            200,
            r#"{"object":"stats","attributes":{"current_state":"running","is_suspended":false,
            "resources":{"memory_bytes":588,"cpu_absolute":12.5,"disk_bytes":130,
            "network_rx_bytes":6,"network_tx_bytes":3,"uptime":6543}}}"#,
        )
    })
    .await;
    let resources = client(&stage.url).server_resources(SERVER).await.unwrap();
    assert_eq!(resources.current_state, "running");
    assert_eq!(resources.memory_bytes, 588);
    assert!((resources.cpu_absolute - 12.5).abs() < f64::EPSILON);
    assert_eq!(resources.uptime, 6543);
    let seen = &stage.seen()[0];
    assert_eq!(seen.header("authorization"), Some("Bearer ptlc_client"));
    assert_eq!(
        seen.target,
        format!("/api/client/servers/{SERVER}/resources")
    );
}

#[tokio::test]
async fn a_node_that_is_away_is_not_a_panel_that_is_away() {
    let (error, requests) =
        error_for(Reply::error(504, "DaemonConnectionException", "no node")).await;
    assert!(matches!(error, PanelError::DaemonUnreachable));
    assert_eq!(requests, 1, "nobody waits for a node");
}

#[tokio::test]
async fn a_state_that_forbids_it_says_so() {
    let (error, _) = error_for(Reply::error(
        409,
        "ServerStateConflictException",
        "suspended",
    ))
    .await;
    assert!(matches!(error, PanelError::StateConflict));
}

#[tokio::test]
async fn a_server_that_the_key_does_not_see_is_not_found() {
    let (error, _) = error_for(Reply::error(404, "NotFoundHttpException", "no such")).await;
    assert!(matches!(error, PanelError::NotFound));
}

#[tokio::test]
async fn without_a_client_key_nothing_is_sent() {
    let panel = client_with(settings("http://127.0.0.1:9", "ptla_app", None));
    let error = panel.server_detail(SERVER).await.unwrap_err();
    assert!(matches!(error, PanelError::NoClientKey));
    assert_eq!(panel.requests_made(), 0);
}

#[tokio::test]
async fn a_server_is_asked_for_with_its_relations_and_read_value_by_value() {
    let stage = Stage::play(|_, _| {
        Reply::json(
            200,
            r#"{"object":"server","attributes":{"uuid":"0b7a2f5e-52a4-4f4c-9a5e-0d4c3b1f6a01",
            "internal_id":3,"node":"n-1","invocation":"./run [hidden]","status":null,
            "is_suspended":false,"is_installing":false,"is_transferring":true,
            "is_node_under_maintenance":true,"relationships":{
            "allocations":{"object":"list","data":[{"object":"allocation","attributes":{"id":31,
            "ip":"192.0.2.7","ip_alias":null,"port":25565,"notes":null,"is_default":true}}]},
            "variables":{"object":"list","data":[{"object":"egg_variable","attributes":{
            "name":"Motd","env_variable":"MOTD","default_value":"hi","server_value":"",
            "is_editable":true,"rules":"string"}}]},
            "subusers":{"object":"null_resource","attributes":null}}}}"#,
        )
    })
    .await;
    let detail = client(&stage.url).server_detail(SERVER).await.unwrap();
    assert_eq!((detail.internal_id, detail.node.as_str()), (3, "n-1"));
    assert_eq!(detail.invocation, "./run [hidden]");
    assert_eq!(detail.status, None);
    assert!(detail.is_transferring && detail.is_node_under_maintenance);
    assert!(!detail.is_suspended && !detail.is_installing);
    assert!(detail.allocations.unwrap()[0].is_default);
    let variables = detail.variables.unwrap();
    assert_eq!(variables[0].server_value.as_deref(), Some(""));
    assert_eq!(detail.subusers, None, "not an empty list");
    let asked = format!("/api/client/servers/{SERVER}?include=egg%2Csubusers");
    assert_eq!(stage.seen()[0].target, asked);
}

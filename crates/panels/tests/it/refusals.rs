//! Whose trouble an answer tells of: the key's, the panel's, the node's. None of it
//! says that a row is gone.

use common::types::panel::Lookup;
use panels::{PanelError, PanelSettings, RetryPolicy};
use simulators::panel::{Effect, Fault};
use std::time::Duration;

use crate::setup::{ALL, all_servers, client_with, ids, page, panel, panel_with, settings};
use crate::stage::{Reply, Stage};

async fn asked_once(reply: Reply) -> Result<Lookup<()>, PanelError> {
    let stage = Stage::play(move |_, _| reply.clone()).await;
    let client = client_with(PanelSettings {
        retry: RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        },
        ..settings(&stage.url, "ptla_app", None)
    });
    client.server(1, ALL).await.map(|found| match found {
        Lookup::Gone => Lookup::Gone,
        Lookup::Found(_) => Lookup::Found(()),
        Lookup::Unreadable(reason) => Lookup::Unreadable(reason),
    })
}

fn html(status: u16) -> Reply {
    Reply {
        headers: vec![("Content-Type".into(), "text/html".into())],
        ..Reply::json(status, "<!DOCTYPE html><html></html>")
    }
}

#[tokio::test]
async fn a_panel_that_others_say_is_away_is_offline() {
    for status in [502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 530] {
        let told = asked_once(html(status)).await;
        assert!(
            matches!(told, Err(PanelError::Offline { .. })),
            "{status}: {told:?}"
        );
    }
}

#[tokio::test]
async fn a_panel_without_its_database_is_offline() {
    for code in ["QueryException", "PDOException"] {
        let told = asked_once(Reply::error(500, code, "unexpected")).await;
        assert!(matches!(told, Err(PanelError::Offline { .. })), "{told:?}");
    }
    let told = asked_once(Reply::error(500, "TypeError", "unexpected")).await;
    assert!(matches!(told, Ok(Lookup::Unreadable(_))), "{told:?}");
}

#[tokio::test]
async fn whoever_stands_before_the_panel_and_refuses_us_refuses_the_key() {
    let to_the_login = html(302).header(
        "Location",
        "https://team.cloudflareaccess.com/cdn-cgi/access/login/panel.test",
    );
    for reply in [to_the_login, html(401), html(403)] {
        let told = asked_once(reply).await;
        assert!(
            matches!(told, Err(PanelError::Unauthorized { .. })),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn a_root_admins_client_key_serves_and_another_users_is_refused_as_a_whole() {
    let (panel, _) = panel().await;
    panel.access(|access| access.add_client_key("ptlc_user5", 5));
    let root = client_with(settings(&panel.url(), panel.client_key(), None));
    let chunk = root.servers(page(1, 500), ALL).await.unwrap();
    assert_eq!(ids(&chunk), all_servers(&panel));
    let other = client_with(settings(&panel.url(), "ptlc_user5", None));
    let error = other.servers(page(1, 500), ALL).await.unwrap_err();
    assert!(
        matches!(error, PanelError::Unauthorized { status: 403, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_panel_that_wants_two_factor_authentication_refuses_the_key() {
    let code = "TwoFactorAuthRequiredException";
    let told = asked_once(Reply::error(400, code, "required")).await;
    assert!(
        matches!(told, Err(PanelError::Unauthorized { status: 400, .. })),
        "{told:?}"
    );
    for (status, code) in [
        (400, "DisplayException"),
        (405, "MethodNotAllowedHttpException"),
        (422, "ValidationException"),
    ] {
        let told = asked_once(Reply::error(status, code, "no")).await;
        let Err(PanelError::Unexpected {
            status: said,
            code: named,
        }) = told
        else {
            panic!("{told:?}");
        };
        assert_eq!((said, named.as_str()), (status, code));
    }
}

#[tokio::test]
async fn half_a_404_and_a_missing_route_say_nothing_of_a_row() {
    let whole = Reply::error(404, "NotFoundHttpException", "no such");
    let half = Reply {
        body: whole.body[..whole.body.len() / 2].to_vec(),
        ..whole.clone()
    };
    assert_eq!(asked_once(whole).await.unwrap(), Lookup::Gone);
    let told = asked_once(half).await;
    assert!(matches!(told, Ok(Lookup::Unreadable(_))), "{told:?}");
    let route = "The route api/application/servers/1 could not be found.";
    for reply in [
        Reply::error(404, "NotFoundHttpException", route),
        html(404),
        Reply::json(404, "{}"),
    ] {
        let told = asked_once(reply).await;
        assert!(
            matches!(told, Err(PanelError::NoSuchAddress(_))),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn a_row_under_another_id_is_not_the_row() {
    let body = r#"{"object":"location","attributes":{"id":2,"short":"x","long":null}}"#;
    let stage = Stage::play(move |_, _| Reply::json(200, body)).await;
    let client = crate::setup::client(&stage.url);
    let told = client.location(1).await.unwrap();
    assert!(matches!(told, Lookup::Unreadable(_)), "{told:?}");
}

#[tokio::test]
async fn an_error_does_not_repeat_the_address_that_was_asked() {
    let client = client_with(PanelSettings {
        retry: RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        },
        ..settings("http://127.0.0.1:9", "ptla_app", None)
    });
    let error = client.allocation(1, "192.0.2.77", 25565).await.unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(matches!(error, PanelError::Offline { .. }), "{told}");
    assert!(
        !told.contains("192.0.2.77") && !told.contains("filter"),
        "{told}"
    );
}

#[tokio::test]
async fn a_body_beyond_all_bounds_is_not_read() {
    let told = asked_once(Reply::json(200, vec![b' '; (64 << 20) + 1])).await;
    let Ok(Lookup::Unreadable(what)) = told else {
        panic!("{told:?}");
    };
    assert!(what.contains("bounds"), "{what}");
}

#[tokio::test]
async fn what_comes_too_late_is_asked_for_again_where_nobody_waits_and_it_is_no_page() {
    let (panel, _) = panel_with(Fault::new(Effect::Stall { seconds: 60.0 })).await;
    let client = client_with(PanelSettings {
        request_timeout: Duration::from_secs(1),
        ..settings(
            &panel.url(),
            panel.application_key(),
            Some(panel.client_key()),
        )
    });
    client.user(1).await.unwrap_err();
    assert_eq!(client.requests_made(), 3);
    client.users(page(1, 1)).await.unwrap_err();
    assert_eq!(client.requests_made(), 4);
    let server = panel.state(|state| state.servers.values().next().unwrap().uuid);
    client.server_resources(server).await.unwrap_err();
    assert_eq!(client.requests_made(), 5);
}

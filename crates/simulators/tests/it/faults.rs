//! Every fault as a client meets it.

use std::pin::pin;
use std::time::Duration;

use serde_json::json;
use simulators::panel::{Effect, Fault, Resource, State};

use super::support::{get, ids, json, refusal, small, total, until};

#[actix_web::test]
async fn a_fault_strikes_only_what_it_matches_and_only_as_often_as_told() {
    let panel = small().await;
    panel.faults(|faults| {
        faults.add(
            Fault::new(Effect::ServerError)
                .on("/api/application/servers")
                .after(1)
                .times(2),
        );
        faults.add(
            Fault::new(Effect::EmptyServerError)
                .on_exactly("/api/application/users")
                .with_query("page=2"),
        );
        faults.add(Fault::new(Effect::Maintenance).matching(|asked| asked.ends_with("/nodes")));
    });
    let mut statuses = Vec::new();
    for path in [
        "servers",
        "servers",
        "servers/1",
        "servers",
        "users?page=1",
        "users?page=2",
        "users/1",
        "nodes",
    ] {
        statuses.push(get(&panel, path).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 500, 500, 200, 200, 500, 200, 503]);
    panel.faults(simulators::panel::Faults::clear);
    assert_eq!(get(&panel, "nodes").await.status(), 200);
}

#[actix_web::test]
async fn chances_are_the_same_in_every_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let panel = small().await;
        panel.faults(|faults| {
            faults.seed(7);
            faults.add(Fault::new(Effect::ServerError).probability(0.5));
        });
        let mut statuses = Vec::new();
        for _ in 0..12 {
            statuses.push(get(&panel, "locations").await.status().as_u16());
        }
        assert!(statuses.contains(&200) && statuses.contains(&500));
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
}

#[actix_web::test]
async fn answers_that_are_no_json_look_as_they_do_from_a_proxy() {
    let panel = small().await;
    panel.faults(|faults| {
        faults.add(Fault::new(Effect::Html { status: 502 }).times(1));
        faults.add(Fault::new(Effect::LoginRedirect).times(1));
        faults.add(Fault::new(Effect::Truncated).times(1));
    });
    let page = get(&panel, "locations").await;
    assert_eq!(page.status(), 502);
    assert!(
        page.headers()["Content-Type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert_eq!(get(&panel, "locations").await.status(), 302);
    let truncated = get(&panel, "locations").await;
    assert_eq!(truncated.status(), 200);
    assert!(
        serde_json::from_slice::<serde_json::Value>(&truncated.bytes().await.unwrap()).is_err()
    );
}

#[actix_web::test]
async fn a_reset_connection_gives_no_answer() {
    let panel = small().await;
    panel.faults(|faults| {
        faults.add(Fault::new(Effect::Reset).times(1));
        faults.add(Fault::new(Effect::ResetMidBody).times(1));
    });
    let request = || {
        let request =
            super::support::client().get(format!("{}/api/application/servers", panel.url()));
        request
            .header("Accept", "application/json")
            .bearer_auth(panel.application_key())
            .send()
    };
    assert!(request().await.is_err());
    assert_eq!(panel.requests()[0].status, 0);
    assert!(request().await.unwrap().bytes().await.is_err());
    assert_eq!(get(&panel, "servers").await.status(), 200);
}

#[actix_web::test]
async fn a_stalled_answer_keeps_its_asker_waiting() {
    let panel = small().await;
    panel.faults(|faults| {
        faults.add(Fault::new(Effect::Stall { seconds: 600.0 }).times(1));
        faults.add(Fault::new(Effect::StallMidBody { seconds: 600.0 }).times(1));
        faults.add(Fault::new(Effect::Stall { seconds: 0.001 }).times(1));
    });
    let patience = Duration::from_millis(200);
    let mut asking = pin!(get(&panel, "locations"));
    tokio::select! {
        _ = &mut asking => panic!("a stalled answer came"),
        () = until(|| panel.open_requests() == 1) => {}
    }
    assert!(tokio::time::timeout(patience, asking).await.is_err());
    let begun = get(&panel, "locations").await;
    assert_eq!(begun.status(), 200);
    assert!(tokio::time::timeout(patience, begun.bytes()).await.is_err());
    assert_eq!(total(&json(&panel, "locations").await), 3);
}

#[actix_web::test]
async fn a_client_that_hangs_up_is_no_longer_worked_for() {
    let panel = small().await;
    panel.faults(|faults| faults.add(Fault::new(Effect::Stall { seconds: 600.0 })));
    let asking = async { tokio::join!(get(&panel, "locations"), get(&panel, "nodes")) };
    tokio::select! {
        _ = asking => panic!("a stalled answer came"),
        () = until(|| panel.open_requests() == 2) => {}
    }
    until(|| panel.open_requests() == 0).await;
    assert_eq!(panel.most_open_requests(), 2);
}

#[actix_web::test]
async fn a_poison_row_breaks_its_own_address_and_every_page_that_holds_it() {
    let panel = small().await;
    panel.faults(|faults| faults.poison.insert((Resource::Servers, 30)));
    let refused = refusal(get(&panel, "servers?per_page=25&page=2").await).await;
    assert_eq!(refused, (500, "TypeError".to_owned()));
    assert_eq!(
        get(&panel, "servers?per_page=25&page=1").await.status(),
        200
    );
    assert_eq!(
        get(&panel, "servers?per_page=1&page=30").await.status(),
        500
    );
    assert_eq!(get(&panel, "servers/30").await.status(), 500);
    assert_eq!(get(&panel, "servers/31").await.status(), 200);
}

#[actix_web::test]
async fn memory_ends_at_a_page_too_large() {
    let panel = small().await;
    panel.faults(|faults| faults.memory.insert(Resource::Allocations, 500));
    let refused = get(&panel, "nodes/1/allocations?per_page=2000").await;
    assert_eq!(refused.status(), 500);
    assert!(refused.bytes().await.unwrap().is_empty());
    assert_eq!(
        get(&panel, "nodes/1/allocations?per_page=500")
            .await
            .status(),
        200
    );
}

#[actix_web::test]
async fn a_malformed_row_keeps_everything_but_one_field() {
    let panel = small().await;
    panel.faults(|faults| {
        faults.malformed.insert(
            (Resource::Servers, 2),
            ("name".to_owned(), json!(["not", "text"])),
        )
    });
    let page = json(&panel, "servers?per_page=2&include=egg").await;
    let spoiled = &page["data"][1]["attributes"];
    assert_eq!(spoiled["name"], json!(["not", "text"]));
    assert_eq!(spoiled["id"], 2);
    assert_eq!(spoiled["relationships"]["egg"]["object"], "egg");
}

#[actix_web::test]
async fn a_listing_can_suddenly_be_empty() {
    let panel = small().await;
    panel.faults(|faults| faults.empty.insert(Resource::Servers));
    let list = json(&panel, "servers").await;
    assert_eq!((ids(&list), total(&list)), (Vec::new(), 0));
    assert_eq!(get(&panel, "servers/1").await.status(), 200);
}

#[actix_web::test]
async fn a_permission_can_go_between_two_pages() {
    let panel = small().await;
    let withdraw = Effect::Withdraw {
        resource: Resource::Servers,
    };
    panel.faults(|faults| {
        faults.add(
            Fault::new(withdraw)
                .on("/api/application/servers")
                .after(1)
                .times(1),
        )
    });
    assert_eq!(
        get(&panel, "servers?per_page=30&page=1").await.status(),
        200
    );
    assert_eq!(
        get(&panel, "servers?per_page=30&page=2").await.status(),
        403
    );
    assert_eq!(get(&panel, "nodes").await.status(), 200);
}

#[actix_web::test]
async fn rows_come_and_go_right_after_the_request_that_a_hook_follows() {
    let panel = small().await;
    panel.faults(|faults| {
        let hook = |state: &mut State, _: &mut _| {
            assert!(state.remove_server(1));
            state.add_server("moved in").unwrap();
        };
        faults.add(
            Fault::hook(hook)
                .on("/api/application/servers")
                .with_query("page=1"),
        );
    });
    let first = json(&panel, "servers?sort=id&per_page=30&page=1").await;
    let second = json(&panel, "servers?sort=id&per_page=30&page=2").await;
    assert_eq!((total(&first), total(&second)), (60, 60));
    let seen: Vec<u64> = [ids(&first), ids(&second)].concat();
    assert_eq!(seen.len(), 60);
    assert!(
        !seen.contains(&31),
        "the row between the pages slipped through"
    );
    assert_eq!(get(&panel, "servers/31").await.status(), 200);
    assert_eq!(get(&panel, "servers/1").await.status(), 404);
}

#[actix_web::test]
async fn another_panel_can_stand_behind_the_same_address() {
    let panel = small().await;
    let before = json(&panel, "servers/2").await;
    panel.state(|state| {
        *state = State::small();
        state.replace_all_uuids();
    });
    assert_ne!(
        json(&panel, "servers/2").await["attributes"]["uuid"],
        before["attributes"]["uuid"]
    );
}

#[actix_web::test]
async fn a_stopped_panel_is_offline_until_another_listens_in_its_place() {
    let panel = small().await;
    let (address, url) = (panel.address(), panel.url());
    panel.stop().await;
    assert!(super::support::client().get(&url).send().await.is_err());
    let options = simulators::panel::Options {
        listen: address,
        ..Default::default()
    };
    let panel = simulators::panel::Panel::start(State::small(), options)
        .await
        .unwrap();
    assert_eq!(panel.url(), url);
    assert_eq!(get(&panel, "locations").await.status(), 200);
}

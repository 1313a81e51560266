//! Rate limits: windows, headers, and who did not wait.

use std::time::Duration;

use simulators::panel::{Effect, Fault, Options, Panel, RateLimits, State};

use super::support::{get, get_with, refusal};

async fn limited(application: u32, window: Duration) -> Panel {
    let limits = RateLimits {
        application,
        client: 1,
        window,
    };
    Panel::start(
        State::small(),
        Options {
            limits,
            ..Options::default()
        },
    )
    .await
    .unwrap()
}

fn header(response: &reqwest::Response, name: &str) -> Option<u64> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap().parse().unwrap())
}

#[actix_web::test]
async fn the_request_too_many_is_refused_with_the_time_to_wait() {
    let panel = limited(3, Duration::from_mins(1)).await;
    for left in [2, 1, 0] {
        let response = get(&panel, "locations").await;
        assert_eq!(header(&response, "X-RateLimit-Limit"), Some(3));
        assert_eq!(header(&response, "X-RateLimit-Remaining"), Some(left));
        assert_eq!(header(&response, "Retry-After"), None);
    }
    let response = get(&panel, "locations").await;
    assert_eq!(header(&response, "X-RateLimit-Remaining"), Some(0));
    assert!((1..=60).contains(&header(&response, "Retry-After").unwrap()));
    assert!(header(&response, "X-RateLimit-Reset").is_some());
    assert_eq!(
        refusal(response).await,
        (429, "ThrottleRequestsException".to_owned())
    );
    assert!(
        panel
            .requests()
            .iter()
            .all(|request| !request.in_retry_after)
    );
    get(&panel, "locations").await;
    assert!(panel.requests().last().unwrap().in_retry_after);
}

#[actix_web::test]
async fn the_window_ends() {
    let panel = limited(1, Duration::from_millis(1)).await;
    for _ in 0..3 {
        assert_eq!(get(&panel, "locations").await.status(), 200);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[actix_web::test]
async fn the_two_apis_and_the_keys_of_one_user_count_as_they_do_on_a_panel() {
    let panel = limited(2, Duration::from_mins(1)).await;
    panel.access(|access| access.add_application_key("ptla_second", 1));
    assert_eq!(get(&panel, "locations").await.status(), 200);
    assert_eq!(
        get_with(&panel, "/api/application/locations", "ptla_second")
            .await
            .status(),
        200
    );
    assert_eq!(get(&panel, "locations").await.status(), 429);
    assert_eq!(
        get_with(&panel, "/api/client", panel.client_key())
            .await
            .status(),
        200
    );
    panel.set_limits(RateLimits::unreachable());
    assert_eq!(get(&panel, "locations").await.status(), 200);
}

#[actix_web::test]
async fn refusals_cost_and_unknown_keys_and_routes_do_not() {
    let panel = limited(2, Duration::from_mins(1)).await;
    assert_eq!(
        get_with(&panel, "/api/application/locations", "nobody")
            .await
            .status(),
        401
    );
    let missing_route = get(&panel, "nope").await;
    assert_eq!(
        (
            missing_route.status().as_u16(),
            header(&missing_route, "X-RateLimit-Limit")
        ),
        (404, None)
    );
    let missing_row = get(&panel, "servers/999").await;
    assert_eq!(
        (
            missing_row.status().as_u16(),
            header(&missing_row, "X-RateLimit-Remaining")
        ),
        (404, Some(1))
    );
}

#[actix_web::test]
async fn a_refusal_by_fault_counts_as_a_retry_after_too() {
    let panel = limited(100, Duration::from_mins(1)).await;
    panel.faults(|faults| {
        faults.add(Fault::new(Effect::TooManyRequests { retry_after: 30 }).times(1))
    });
    let response = get(&panel, "locations").await;
    assert_eq!(
        (response.status().as_u16(), header(&response, "Retry-After")),
        (429, Some(30))
    );
    get(&panel, "locations").await;
    let waited: Vec<bool> = panel
        .requests()
        .iter()
        .map(|request| request.in_retry_after)
        .collect();
    assert_eq!(waited, [false, true]);
}

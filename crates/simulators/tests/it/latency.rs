//! Answers that take a real panel's time.

use std::time::{Duration, Instant};

use simulators::panel::{Latency, Options, Panel, State};

use super::support::json;

#[actix_web::test]
async fn an_answer_never_comes_sooner_than_a_real_panels() {
    let options = Options {
        latency: Latency::Measured,
        ..Options::default()
    };
    let panel = Panel::start(State::small(), options).await.unwrap();
    let asked = Instant::now();
    json(
        &panel,
        "servers?per_page=60&include=allocations,variables,subusers,databases",
    )
    .await;
    assert!(asked.elapsed() >= Duration::from_millis(280));
}

#[actix_web::test]
async fn four_at_once_take_at_least_twice_as_long() {
    let options = Options {
        latency: Latency::Measured,
        ..Options::default()
    };
    let panel = Panel::start(State::small(), options).await.unwrap();
    let asked = Instant::now();
    let ask = || json(&panel, "servers?per_page=60");
    tokio::join!(ask(), ask(), ask(), ask());
    assert!(asked.elapsed() >= Duration::from_millis(225));
}

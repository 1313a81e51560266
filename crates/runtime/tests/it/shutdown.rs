use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::shutdown::{Drain, Shutdown};

use crate::support::{logged, silent};

#[tokio::test]
async fn everybody_who_holds_a_clone_hears_the_request() {
    let shutdown = Shutdown::new();
    let waiting = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.requested().await }
    });
    assert!(!shutdown.is_requested());
    shutdown.clone().request();
    waiting.await.unwrap();
    assert!(shutdown.is_requested() && shutdown.token().is_cancelled());
}

#[tokio::test]
async fn steps_are_taken_in_order() {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let step = |name| {
        let taken = Arc::clone(&taken);
        async move {
            tokio::task::yield_now().await;
            taken.lock().unwrap().push(name);
        }
    };
    let complete = Drain::within(Duration::from_secs(5), &silent())
        .step("http", step("http"))
        .await
        .step("work", step("work"))
        .await
        .finish();
    assert!(complete);
    assert_eq!(*taken.lock().unwrap(), ["http", "work"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_hangs_is_abandoned_and_named_and_the_next_is_taken() {
    let (log, lines) = logged();
    let mut taken = false;
    let complete = Drain::within(Duration::from_secs(5), &log)
        .step("work in hand", pending())
        .await
        .step("connections", async { taken = true })
        .await
        .finish();
    assert!(!complete && taken);
    assert!(
        lines
            .all()
            .iter()
            .any(|line| line["step"] == "work in hand")
    );
}

use super::stage::Stage;
use hytale::custody::CustodyError;
use simulators::hytale::{Effect, Endpoint, Fault};

const FLOWS: &str = "SELECT concat_ws(' ', state, failure, \
    (access_token IS NULL AND refresh_token IS NULL)::text) FROM hytale_device_flows";

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_nobody_polls_any_more_expires_and_is_gone_a_day_later() {
    let stage = Stage::new().await;
    let begun = stage.begin().await;
    assert_eq!(stage.upkeep().await.logins_ended, 0);
    stage
        .execute("UPDATE hytale_device_flows SET first_polled_at = now() - interval '15 minutes'")
        .await;
    assert_eq!(stage.upkeep().await.logins_ended, 1);
    assert_eq!(stage.upkeep().await.logins_ended, 0);
    assert_eq!(stage.texts(FLOWS).await, ["failed expired true"]);
    assert_eq!(stage.trail().await, ["AUTH_FAILED"]);
    let polled = stage.poll(&begun).await;
    assert!(
        matches!(polled, Err(CustodyError::LoginExpired)),
        "{polled:?}"
    );

    stage
        .execute("UPDATE hytale_device_flows SET ended_at = now() - interval '25 hours'")
        .await;
    stage.upkeep().await;
    assert!(stage.texts(FLOWS).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_being_polled_is_left_alone() {
    let stage = Stage::new().await;
    stage.custody.begin_login(None, None).await.unwrap();
    stage
        .execute(
            "UPDATE hytale_device_flows SET expires_at = now() - interval '1 second', \
             polling_until = now() + interval '30 seconds'",
        )
        .await;
    assert_eq!(stage.upkeep().await.logins_ended, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_success_answers_again_is_erased_after_two_minutes() {
    let stage = Stage::new().await;
    stage.login("one").await;
    stage.upkeep().await;
    assert_eq!(stage.texts(FLOWS).await, ["succeeded false"]);
    stage
        .execute("UPDATE hytale_device_flows SET ended_at = now() - interval '121 seconds'")
        .await;
    stage.upkeep().await;
    assert_eq!(stage.texts(FLOWS).await, ["succeeded true"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_whose_caller_did_not_come_back_for_them_come_into_custody_all_the_same() {
    let stage = Stage::new().await;
    let begun = stage.begin().await;
    assert!(stage.hytale.approve(&begun.user_code, "one"));
    let effect = Effect::Status {
        status: 500,
        retry_after: None,
    };
    stage
        .hytale
        .faults(|faults| faults.add(Fault::new(effect).on(Endpoint::Profiles)));
    stage.poll(&begun).await.unwrap();
    assert_eq!(stage.texts(FLOWS).await, ["exchanged false"]);
    stage.hytale.faults(|faults| faults.clear());
    stage
        .execute("UPDATE hytale_device_flows SET expires_at = now() - interval '1 second'")
        .await;
    assert_eq!(stage.upkeep().await.logins_ended, 1);
    assert_eq!(stage.texts(FLOWS).await, ["succeeded false"]);
    assert_eq!(stage.trail().await, ["TOKEN_CREATED"]);
    let owners = "SELECT principal FROM hytale_account_owners";
    assert_eq!(stage.texts(owners).await, ["service"]);
}

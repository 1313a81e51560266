use super::stage::{SETTINGS, Stage};
use common::types::caller::Origin;
use hytale::custody::{CustodyError, UpkeepSettings};
use simulators::hytale::{Effect, Endpoint, Fault};
use std::time::Duration;

const STATE: &str = "SELECT concat_ws(' ', state, spend, losses) FROM hytale_accounts";

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_spent_in_the_last_week_of_its_life_though_nobody_asks() {
    let stage = Stage::new().await;
    stage.login("one").await;
    stage
        .execute(
            "UPDATE hytale_accounts SET refresh_expires_at = now() + interval '5 days 23 hours'",
        )
        .await;
    let report = stage.upkeep().await;
    assert_eq!((report.refreshes.due, report.refreshes.renewed), (1, 1));
    assert_eq!(stage.trail().await, ["TOKEN_CREATED", "TOKEN_REFRESHED"]);
    let left =
        "SELECT (refresh_expires_at > now() + interval '29 days')::text FROM hytale_accounts";
    assert_eq!(stage.text(left).await, "true");

    let report = stage.upkeep().await;
    assert_eq!(report.refreshes.due, 0, "it is not due any more");
    assert_eq!(stage.asked(Endpoint::RefreshToken), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_that_nobody_needs_is_left_to_expire() {
    let stage = Stage::new().await;
    stage.login("one").await;
    stage
        .execute(
            "UPDATE hytale_accounts SET access_expires_at = now() - interval '1 hour', \
             refresh_expires_at = now() + interval '7 days 1 minute'",
        )
        .await;
    let report = stage.upkeep().await;
    assert_eq!(report.refreshes.due, 0);
    assert_eq!(stage.asked(Endpoint::RefreshToken), 0);
    let counts = report.counts.unwrap();
    assert_eq!((counts.live, counts.lost, counts.needs_login), (1, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_answer_the_token_is_tried_when_its_pause_is_over_and_not_before() {
    let stage = Stage::new().await;
    stage.due_accounts(1).await;
    let lost = Fault::new(Effect::ResponseLost).on(Endpoint::RefreshToken);
    stage.hytale.faults(|faults| faults.add(lost.times(1)));
    let report = stage.upkeep().await;
    assert_eq!((report.refreshes.due, report.refreshes.renewed), (1, 0));
    assert_eq!(report.counts.unwrap().lost, 1);
    assert_eq!(stage.text(STATE).await, "live lost 1");

    // However long its token lives.
    stage
        .execute("UPDATE hytale_accounts SET refresh_expires_at = now() + interval '30 days'")
        .await;
    assert_eq!(stage.upkeep().await.refreshes.due, 0, "not before its time");
    stage
        .execute("UPDATE hytale_accounts SET retry_at = now()")
        .await;
    let report = stage.upkeep().await;
    assert_eq!((report.refreshes.due, report.refreshes.dead), (1, 1));
    assert_eq!(report.counts.unwrap().needs_login, 1);
    assert_eq!(stage.trail().await, ["TOKEN_CREATED", "AUTH_FAILED"]);

    assert_eq!(stage.upkeep().await.refreshes.due, 0);
    assert_eq!(
        stage.asked(Endpoint::RefreshToken),
        2,
        "a dead token is not tried"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spend_whose_process_died_is_tried_again_when_its_lease_has_ended() {
    let stage = Stage::new().await;
    stage.login("one").await;
    let dies = |until: &str| {
        format!("UPDATE hytale_accounts SET spend = 'sending', spend_until = now() {until}")
    };
    stage.execute(&dies("+ interval '1 minute'")).await;
    let report = stage.upkeep().await;
    assert_eq!(report.refreshes.due, 0);
    assert_eq!(report.counts.unwrap().sending, 1);
    stage.execute(&dies("- interval '1 second'")).await;
    let report = stage.upkeep().await;
    assert_eq!((report.refreshes.due, report.refreshes.renewed), (1, 0));
    assert_eq!(stage.text(STATE).await, "live lost 1", "it may still come");
    stage
        .execute("UPDATE hytale_accounts SET retry_at = now()")
        .await;
    let report = stage.upkeep().await;
    assert_eq!((report.refreshes.due, report.refreshes.renewed), (1, 1));
    assert_eq!(stage.text(STATE).await, "live idle 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_processes_one_spends_each_token_that_is_due() {
    let stage = Stage::new().await;
    stage.due_accounts(30).await;
    stage
        .hytale
        .behaviour(|behaviour| behaviour.refresh_milliseconds = 20);
    let (second, third) = (stage.replica(), stage.replica());
    let (first, second, third) = tokio::join!(
        stage.upkeep(),
        second.upkeep(&SETTINGS),
        third.upkeep(&SETTINGS)
    );
    let renewed = [&first, &second, &third].map(|report| report.refreshes.renewed);
    assert_eq!(renewed.iter().sum::<usize>(), 30, "{renewed:?}");
    assert_eq!(stage.asked(Endpoint::RefreshToken), 30);
    assert_eq!(stage.hytale.spent_more_than_once(), 0);
    assert_eq!(stage.hytale.families_lost(), 0);
    let lines = stage.trail().await;
    let refreshed = lines.iter().filter(|line| *line == "TOKEN_REFRESHED");
    assert_eq!(refreshed.count(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_that_is_dropped_in_the_middle_loses_no_token() {
    let stage = Stage::new().await;
    stage.due_accounts(4).await;
    stage
        .hytale
        .behaviour(|behaviour| behaviour.refresh_milliseconds = 4_000);
    let patience = Duration::from_secs(20);
    tokio::select! {
        report = stage.custody.upkeep(&SETTINGS) => panic!("not in the middle: {report:?}"),
        () = testkit::wait_for("four requests", patience, async || {
            let sending = "SELECT count(*)::text FROM hytale_accounts WHERE spend = 'sending'";
            (stage.text(sending).await == "4").then_some(())
        }) => {}
    }
    stage.custody.close().await;
    assert_eq!(stage.texts(STATE).await, ["live idle 0"; 4]);
    assert_eq!(stage.hytale.families_lost(), 0);
    assert_eq!(stage.asked(Endpoint::RefreshToken), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_slow_with_its_keys_does_not_use_up_the_lease_of_a_spend() {
    let stage = Stage::new().await;
    stage.due_accounts(1).await;
    let busy = stage
        .transaction("LOCK TABLE data_keys IN ACCESS EXCLUSIVE MODE")
        .await;
    let (account, custody) = (stage.only_account().await, stage.custody.clone());
    let refresh = tokio::spawn(async move { custody.refresh(account, &Origin::default()).await });
    stage.somebody_waits().await;
    assert_eq!(stage.text(STATE).await, "live idle 0");
    busy.batch_execute("COMMIT").await.unwrap();
    refresh.await.unwrap().unwrap();
    assert_eq!(stage.asked(Endpoint::RefreshToken), 1);
}

/// On one thread, whose clock can be moved.
#[tokio::test]
async fn a_process_that_stood_still_longer_than_its_lease_allows_sends_nothing() {
    let stage = Stage::new().await;
    stage.due_accounts(1).await;
    let account = stage.only_account().await;
    let busy = stage
        .transaction("SELECT 1 FROM hytale_accounts FOR UPDATE")
        .await;
    let still = async {
        stage.somebody_waits().await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(31)).await;
        tokio::time::resume();
        busy.batch_execute("COMMIT").await.unwrap();
    };
    let origin = Origin::default();
    let (refreshed, ()) = tokio::join!(stage.custody.refresh(account, &origin), still);
    let error = refreshed.unwrap_err();
    assert!(matches!(error, CustodyError::NotNow { .. }), "{error:?}");
    assert_eq!(stage.text(STATE).await, "live idle 0");
    assert_eq!(stage.asked(Endpoint::RefreshToken), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_while_the_intent_is_committed_leaves_no_lost_answer() {
    let stage = Stage::new().await;
    stage.due_accounts(1).await;
    let account = stage.only_account().await;
    // The caller goes while PostgreSQL has the statement in hand.
    let busy = stage
        .transaction("SELECT 1 FROM hytale_accounts FOR UPDATE")
        .await;
    let origin = Origin::default();
    tokio::select! {
        refreshed = stage.custody.refresh(account, &origin) => panic!("too early: {refreshed:?}"),
        () = stage.somebody_waits() => {}
    }
    busy.batch_execute("COMMIT").await.unwrap();
    stage.custody.close().await;
    assert_eq!(stage.text(STATE).await, "live idle 0");
    assert_eq!(stage.trail().await, ["TOKEN_CREATED", "TOKEN_REFRESHED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_tokens_are_spent_at_once_than_allowed() {
    let stage = Stage::new().await;
    stage.due_accounts(8).await;
    stage
        .hytale
        .behaviour(|behaviour| behaviour.refresh_milliseconds = 500);
    let settings = UpkeepSettings {
        concurrency: 2,
        ..SETTINGS
    };
    let mut most = 0;
    let watch = async {
        loop {
            let sending = "SELECT count(*)::text FROM hytale_accounts WHERE spend = 'sending'";
            most = most.max(stage.text(sending).await.parse::<usize>().unwrap());
        }
    };
    let report = tokio::select! {
        report = stage.custody.upkeep(&settings) => report,
        () = watch => unreachable!("it watches for ever"),
    };
    assert_eq!((report.refreshes.renewed, most), (8, 2));
}

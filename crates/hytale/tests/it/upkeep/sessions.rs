use super::stage::{SETTINGS, Stage};
use common::types::caller::Origin;
use common::types::hytale::HytaleEnvironment::Production;
use simulators::hytale::{Effect, Ended, Endpoint, Fault};
use store::{SessionCount, SessionTokens};

const STATES: &str = "SELECT concat_ws(' ', state, lost, \
    (session_token IS NULL AND identity_token IS NULL)::text) FROM hytale_sessions ORDER BY created_at";
const LAST_LINE: &str = "SELECT concat_ws(' ', event_type, details->>'outcome', details->>'reason') FROM hytale_audit \
     ORDER BY created_at DESC, id DESC LIMIT 1";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ran_out_lapses_once_and_its_tokens_are_erased() {
    let stage = Stage::new().await;
    let account = stage.login("one").await;
    stage.session(account, None).await;
    stage.session(account, None).await;
    let report = stage.upkeep().await;
    assert_eq!(report.sessions.lapsed, 0);
    assert_eq!(report.counts.unwrap().sessions_active, 2);

    stage
        .execute("UPDATE hytale_sessions SET expires_at = now() - interval '1 second'")
        .await;
    let replica = stage.replica();
    let (first, second) = tokio::join!(stage.upkeep(), replica.upkeep(&SETTINGS));
    assert_eq!(first.sessions.lapsed + second.sessions.lapsed, 2);
    assert_eq!(stage.texts(STATES).await, ["lapsed f true"; 2]);
    assert_eq!(stage.text(LAST_LINE).await, "SESSION_DELETED lapsed");
    let trail = stage.trail().await;
    let lines = trail.iter().filter(|line| *line == "SESSION_DELETED");
    assert_eq!(lines.count(), 2);
    assert_eq!(stage.asked(Endpoint::SessionDelete), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_tokens_are_being_renewed_does_not_lapse() {
    let stage = Stage::new().await;
    let account = stage.login("one").await;
    stage.session(account, None).await;
    stage
        .execute(
            "UPDATE hytale_sessions SET expires_at = now() - interval '1 second', \
             claimed_until = now() + interval '1 minute'",
        )
        .await;
    assert_eq!(stage.upkeep().await.sessions.lapsed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_answer_never_came_is_given_up_and_counts_for_an_hour() {
    let stage = Stage::new().await;
    let account = stage.login("one").await;
    let session = stage.session(account, None).await;
    let asked = |age: &str| {
        format!(
            "UPDATE hytale_sessions SET state = 'created', session_token = NULL, \
             identity_token = NULL, created_at = now() - interval '{age}'"
        )
    };
    stage.execute(&asked("4 minutes")).await;
    assert_eq!(stage.upkeep().await.sessions.abandoned, 0);
    stage.execute(&asked("20 minutes")).await;
    assert_eq!(stage.upkeep().await.sessions.abandoned, 1);
    assert_eq!(stage.texts(STATES).await, ["failed t true"]);
    assert_eq!(
        stage.text(LAST_LINE).await,
        "SESSION_CREATED failed abandoned"
    );

    let count = async || {
        let now = stage.hytale.now();
        stage.store.hytale_session_counts(Production, now).await
    };
    let lost = SessionCount {
        account_id: account.id,
        active: 0,
        lost: 1,
    };
    assert_eq!(count().await.unwrap(), [lost]);
    stage
        .execute("UPDATE hytale_sessions SET ended_at = now() - interval '61 minutes'")
        .await;
    assert_eq!(count().await.unwrap(), []);

    // Its answer comes after all.
    let tokens = SessionTokens {
        session_token: "sealed".to_owned(),
        identity_token: "sealed".to_owned(),
        expires_at: stage.hytale.now() + chrono::TimeDelta::minutes(30),
    };
    let stored = stage
        .store
        .hytale_session_active(session.id, &tokens, &Origin::default())
        .await;
    assert!(stored.unwrap());
    assert_eq!(stage.texts(STATES).await, ["active f false"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_whose_server_is_gone_or_holds_a_newer_one_are_ended_at_the_vendor() {
    let stage = Stage::new().await;
    let account = stage.login("one").await;
    let (first, second) = (stage.server().await, stage.server().await);
    stage.session(account, Some(first)).await;
    stage.session(account, Some(first)).await;
    stage.session(account, Some(second)).await;
    stage.session(account, None).await;
    stage.session(account, None).await;
    let reason = "SELECT details->>'reason' FROM hytale_audit WHERE event_type = 'SESSION_DELETED' \
                  ORDER BY created_at, id";

    assert_eq!(
        stage.upkeep().await.sessions.reaped,
        1,
        "the older one of the first"
    );
    assert_eq!(stage.texts(reason).await, ["newer_session"]);
    stage
        .execute(&format!(
            "UPDATE servers SET removed_at = now() WHERE id = '{second}'"
        ))
        .await;
    let replica = stage.replica();
    let (one, two) = tokio::join!(stage.upkeep(), replica.upkeep(&SETTINGS));
    assert_eq!(one.sessions.reaped + two.sessions.reaped, 1);
    assert_eq!(
        stage.texts(reason).await,
        ["newer_session", "server_removed"]
    );

    let states = stage.texts(STATES).await;
    let (ended, active) = ("terminated f true", "active f false");
    assert_eq!(states, [ended, active, ended, active, active]);
    let ended: Vec<bool> = stage
        .hytale
        .sessions()
        .iter()
        .map(|session| session.ended == Some(Ended::Deleted))
        .collect();
    assert_eq!(ended, [true, false, true, false, false]);
    assert_eq!(
        stage.asked(Endpoint::SessionDelete),
        2,
        "each is ended once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surplus_session_that_cannot_be_ended_stays_and_is_tried_again_after_a_pause() {
    let stage = Stage::new().await;
    let account = stage.login("one").await;
    let server = stage.server().await;
    stage.session(account, Some(server)).await;
    stage.session(account, Some(server)).await;
    let effect = Effect::Status {
        status: 403,
        retry_after: None,
    };
    let fault = Fault::new(effect).on(Endpoint::SessionDelete).times(1);
    stage.hytale.faults(|faults| faults.add(fault));
    for _ in 0..2 {
        assert_eq!(stage.upkeep().await.sessions.reaped, 0);
    }
    assert_eq!(stage.asked(Endpoint::SessionDelete), 1);
    stage
        .execute("UPDATE hytale_sessions SET claimed_until = now() - interval '1 second'")
        .await;
    assert_eq!(stage.upkeep().await.sessions.reaped, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_near_its_limit_is_told_of_once_each_time_that_it_comes_there() {
    let stage = Stage::new().await;
    let account = stage.login("one").await;
    let told = async || {
        stage
            .texts("SELECT body->>'data' FROM outbox WHERE key = 'hytale.sessions.near_limit' ORDER BY seq")
            .await
    };
    stage.session(account, None).await;
    stage.session(account, None).await;
    assert_eq!(stage.upkeep().await.sessions.near_limit, 0);

    // Three of ten: the third is one that Hytale may hold.
    stage.session(account, None).await;
    stage
        .execute(
            "UPDATE hytale_sessions SET state = 'failed', lost = true, ended_at = now() \
             WHERE id = (SELECT id FROM hytale_sessions ORDER BY created_at LIMIT 1)",
        )
        .await;
    let replica = stage.replica();
    let (one, two) = tokio::join!(stage.upkeep(), replica.upkeep(&SETTINGS));
    assert_eq!(one.sessions.near_limit + two.sessions.near_limit, 1);
    assert_eq!(stage.upkeep().await.sessions.near_limit, 0);
    let events = told().await;
    assert_eq!(events.len(), 1);
    let data: serde_json::Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(
        (&data["active"], &data["lost"], &data["limit"]),
        (&2.into(), &1.into(), &10.into())
    );
    assert_eq!(data["account_id"], account.id.to_string());

    stage
        .execute("UPDATE hytale_sessions SET ended_at = now() - interval '2 hours' WHERE lost")
        .await;
    assert_eq!(
        stage.upkeep().await.sessions.near_limit,
        0,
        "it has gone from there"
    );
    stage.session(account, None).await;
    assert_eq!(stage.upkeep().await.sessions.near_limit, 1);
    assert_eq!(told().await.len(), 2);
}

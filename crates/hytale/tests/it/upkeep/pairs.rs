//! What is known of a session's pair of tokens.

use super::stage::Stage;
use common::types::caller::Origin;
use common::types::hytale::HytaleAccount;
use hytale::custody::{CustodyError, GameSession, SessionChoice};
use hytale::verify::VerifyError;
use secrecy::ExposeSecret;
use simulators::hytale::{Effect, Endpoint, Fault, TokenFlaw};
use std::time::Duration;
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(20);

fn fault(endpoint: Endpoint, effect: Effect) -> Fault {
    Fault::new(effect).on(endpoint)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_is_not_renewed_while_nobody_could_prove_the_new_one() {
    let stage = Stage::new().await;
    let account = stage.login("one").await;
    stage.session(account, None).await;
    stage
        .execute("UPDATE hytale_sessions SET expires_at = now() + interval '9 minutes'")
        .await;
    let away = fault(Endpoint::SessionKeys, Effect::Closed);
    stage.hytale.faults(|faults| faults.add(away));
    // The keys are not known to a process that has just begun.
    let (choice, origin) = (SessionChoice::default(), Origin::default());
    let replica = stage.replica();
    let renewed = replica.refresh_session(account, choice, &origin).await;
    let error = renewed.unwrap_err();
    let unavailable = CustodyError::Untrusted(VerifyError::KeysUnavailable);
    assert_eq!(error.to_string(), unavailable.to_string());
    assert_eq!(stage.asked(Endpoint::SessionRefresh), 0);
}

/// A renewal that hears late, and whose claim is over by then.
async fn slow_renewal(
    stage: &Stage,
    account: HytaleAccount,
    effect: Effect,
) -> JoinHandle<Result<GameSession, CustodyError>> {
    stage
        .execute("UPDATE hytale_sessions SET expires_at = now() + interval '9 minutes'")
        .await;
    let slow = fault(Endpoint::SessionRefresh, effect).times(1);
    stage.hytale.faults(|faults| faults.add(slow));
    let custody = stage.custody.clone();
    let renewal = tokio::spawn(async move {
        let (choice, origin) = (SessionChoice::default(), Origin::default());
        custody.refresh_session(account, choice, &origin).await
    });
    testkit::wait_for("the slow one's question", PATIENCE, async || {
        (stage.asked(Endpoint::SessionRefresh) == 1).then_some(())
    })
    .await;
    stage
        .execute("UPDATE hytale_sessions SET claimed_until = now() - interval '1 second'")
        .await;
    renewal
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_renew_one_session_the_slow_one_answers_what_the_other_got() {
    // Hytale hears the slow one before the other, or after it.
    for effect in [Effect::Late { seconds: 3.0 }, Effect::Slow { seconds: 3.0 }] {
        let stage = Stage::new().await;
        let account = stage.login("one").await;
        let made = stage.session(account, None).await;
        let late = matches!(effect, Effect::Late { .. });
        let renewal = slow_renewal(&stage, account, effect).await;
        let replica = stage.replica();
        let expected = if late {
            // As if Hytale had taken the old token once more.
            stage
                .execute("UPDATE hytale_sessions SET generation = generation + 1")
                .await;
            made
        } else {
            let (choice, origin) = (SessionChoice::default(), Origin::default());
            let renewed = replica.refresh_session(account, choice, &origin).await;
            renewed.unwrap()
        };
        let answered = renewal.await.unwrap().unwrap();
        let tokens = [answered.session_token, expected.session_token];
        let [answered, expected] = tokens.each_ref().map(ExposeSecret::expose_secret);
        assert_eq!(answered, expected);
        assert_eq!(stage.asked(Endpoint::SessionDelete), 0);
        assert_eq!(stage.hytale.live_sessions("one"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_loser_of_a_renewal_took_for_ended_goes_on_with_the_winners_pair() {
    let stage = Stage::new().await;
    let account = stage.login("one").await;
    let made = stage.session(account, None).await;
    stage
        .hytale
        .behaviour(|behaviour| behaviour.old_session_token_dies = true);
    let renewal = slow_renewal(&stage, account, Effect::Late { seconds: 3.0 }).await;
    let replica = stage.replica();
    let (choice, origin) = (SessionChoice::default(), Origin::default());
    let lost = replica.refresh_session(account, choice, &origin).await;
    assert!(
        matches!(lost, Err(CustodyError::UnknownSession)),
        "{lost:?}"
    );
    let renewed = renewal.await.unwrap().unwrap();
    assert_ne!(
        renewed.session_token.expose_secret(),
        made.session_token.expose_secret()
    );
    assert_eq!(stage.asked(Endpoint::SessionDelete), 0);
    assert_eq!(stage.hytale.live_sessions("one"), 1);
    assert_eq!(
        stage.texts("SELECT state FROM hytale_sessions").await,
        ["active"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_the_first_of_what_its_reply_and_its_tokens_say() {
    let stage = Stage::new().await;
    let account = stage.login("one").await;
    for flaw in [TokenFlaw::IdentityEndsSooner, TokenFlaw::SessionEndsSooner] {
        let sooner = fault(Endpoint::SessionNew, Effect::Flawed { flaw });
        stage.hytale.faults(|faults| faults.add(sooner.times(1)));
        let session = stage.session(account, None).await;
        let soon = stage.hytale.now() + Duration::from_secs(300);
        assert!(session.expires_at <= soon, "{flaw:?}");
    }
}

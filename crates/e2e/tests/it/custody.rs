//! Schedulers that keep refresh tokens alive, one of which is killed (SIGKILL).

use crate::world::{PATIENCE, World};
use common::types::caller::{Origin, Principal};
use hytale::custody::LoginAnswer;
use runtime::config::{Config, Sources};
use simulators::hytale::{Account, Effect, Endpoint, Fault, Hytale, Options};
use simulators::panel::State;
use std::collections::BTreeSet;
use testkit::{test_logger, wait_for};

const ACCOUNTS: usize = 50;

/// Requests that one scheduler makes at once.
const AT_ONCE: usize = 4;

/// Brings accounts into custody whose refresh tokens end tomorrow.
async fn take_into_custody(world: &mut World, vendor: &Hytale) {
    for (name, value) in [
        ("ENCRYPTION_KEY", "5a".repeat(32)),
        ("HYTALE_OAUTH_URL", vendor.oauth_url()),
        ("HYTALE_ACCOUNT_DATA_URL", vendor.account_data_url()),
        ("HYTALE_SESSIONS_URL", vendor.sessions_url()),
        ("HYTALE_REQUEST_TIMEOUT_SECONDS", "5".to_owned()),
        ("HYTALE_UPKEEP_SECONDS", "1".to_owned()),
        ("HYTALE_UPKEEP_CONCURRENCY", AT_ONCE.to_string()),
    ] {
        world.set(name, &value);
    }
    runtime::process::install_crypto_provider();
    let config = Config::load(&Sources::of_variables(world.variables())).unwrap();
    let custody = hytale::connect(&config, world.store.clone(), &test_logger()).unwrap();
    let owner = Some(Principal::Service);
    for place in 0..ACCOUNTS {
        let name = format!("host{place}");
        vendor.accounts(|all| all.push(Account::new(&name, &["ServerOperator"])));
        let begun = custody.begin_login(owner.clone(), None).await.unwrap();
        assert!(vendor.approve(&begun.user_code, &name));
        let polled = custody
            .poll_login(owner.as_ref(), &begun.device_code, &Origin::default())
            .await;
        assert!(
            matches!(polled, Ok(LoginAnswer::Tokens { .. })),
            "{polled:?}"
        );
    }
    let due = "UPDATE hytale_accounts SET refresh_expires_at = now() + interval '1 day'";
    world.connect().await.batch_execute(due).await.unwrap();
}

/// Accounts of which this is true.
async fn accounts(world: &World, condition: &str) -> BTreeSet<String> {
    let query = format!("SELECT account_id::text FROM hytale_accounts WHERE {condition}");
    let rows = world.connect().await.query(&query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_schedulers_one_is_killed_and_only_what_it_had_in_flight_may_be_lost() {
    let vendor = Hytale::start(Options::default()).await.unwrap();
    let mut world = World::new(State::small()).await;
    take_into_custody(&mut world, &vendor).await;
    // A token is spent as soon as it comes, and its answer is on the way for a while.
    let slow = Fault::new(Effect::Late { seconds: 1.5 }).on(Endpoint::RefreshToken);
    vendor.faults(|faults| faults.add(slow));

    let (mut killed, _second, _third) =
        tokio::join!(world.scheduler(), world.scheduler(), world.scheduler());
    wait_for(
        "three schedulers in the middle of it",
        PATIENCE,
        async || {
            let at_it =
                "SELECT count(DISTINCT spend_holder) FROM hytale_accounts WHERE spend = 'sending'";
            (world.number(at_it).await == 3).then_some(())
        },
    )
    .await;
    killed.kill();

    // What is still being sent when all others are done was in flight in the killed one.
    let refreshed = "refresh_expires_at > now() + interval '2 days'";
    let in_flight = wait_for("the others to go on", PATIENCE, async || {
        // Of one moment: the others go on between two questions.
        let moment = format!("SELECT account_id::text, {refreshed}, spend_holder::text FROM hytale_accounts WHERE spend = 'sending' OR {refreshed}");
        let rows = world.connect().await.query(&moment, &[]).await.unwrap();
        let (done, sending): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.get(1));
        let holders: BTreeSet<String> = sending.iter().filter_map(|row| row.get(2)).collect();
        (rows.len() == ACCOUNTS && holders.len() <= 1)
            .then(|| sending.iter().map(|row| row.get(0)).collect::<BTreeSet<String>>())
            .ok_or(done.len())
    })
    .await;
    eprintln!("in flight when it was killed: {}", in_flight.len());
    assert!(in_flight.len() <= AT_ONCE, "{in_flight:?}");
    assert_eq!(vendor.families_lost(), 0, "nobody has tried them again");

    world
        .connect()
        .await
        .batch_execute("UPDATE hytale_accounts SET spend_until = now() WHERE spend = 'sending'")
        .await
        .unwrap();
    wait_for(
        "the leases of the killed one to be taken",
        PATIENCE,
        async || {
            let open = accounts(&world, "spend <> 'idle'").await;
            open.is_empty().then_some(()).ok_or(open.len())
        },
    )
    .await;

    let dead = accounts(&world, "state = 'needs_login'").await;
    assert!(dead.is_subset(&in_flight), "{dead:?} of {in_flight:?}");
    assert_eq!(vendor.families_lost(), dead.len());
    assert!(vendor.spent_more_than_once() <= in_flight.len());
    let spends = vendor
        .journal()
        .iter()
        .filter(|entry| entry.endpoint == Some(Endpoint::RefreshToken))
        .count();
    assert!(spends <= ACCOUNTS + in_flight.len(), "{spends}");

    let repeated = "SELECT count(*) FROM (SELECT FROM hytale_audit WHERE event_type = 'TOKEN_REFRESHED' \
                    GROUP BY account_id HAVING count(*) <> 1) repeated";
    assert_eq!(world.number(repeated).await, 0);
    let lines = "SELECT count(*) FROM hytale_audit WHERE event_type = 'TOKEN_REFRESHED'";
    let refreshed = ACCOUNTS - dead.len();
    assert_eq!(
        usize::try_from(world.number(lines).await).unwrap(),
        refreshed
    );
    let ambiguous = "SELECT count(*) FROM hytale_audit WHERE event_type = 'AUTH_FAILED' \
                     AND details->>'after_losses' = '1' AND details->>'reason' = 'already_used'";
    assert_eq!(
        usize::try_from(world.number(ambiguous).await).unwrap(),
        dead.len()
    );
}

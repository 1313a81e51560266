//! What is over for long goes, and what is not stays.

use testkit::wait_for;

use crate::post::Post;
use crate::stage::{PATIENCE, Stage};

/// So many of these are over since so many days.
async fn age(stage: &Stage, table: &str, state: &str, days: [i32; 2]) {
    let [older, younger] = days;
    let sql = format!(
        "UPDATE {table} t SET state = '{state}', \
           finished_at = now() - make_interval(days => CASE WHEN n = 1 THEN {older} ELSE {younger} END) \
         FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM {table} WHERE state = 'pending') o \
         WHERE t.id = o.id"
    );
    let client = stage.database.connect().await;
    client.batch_execute(&sql).await.unwrap();
}

/// Waits until so many rows are there, and says since how many days they are over.
async fn left(stage: &Stage, table: &str, count: usize) -> Vec<i32> {
    let client = stage.database.connect().await;
    let ages = format!(
        "SELECT extract(day FROM now() - finished_at)::int FROM {table} ORDER BY finished_at"
    );
    wait_for("the clean-up", PATIENCE, async || {
        let rows = client.query(&ages, &[]).await.unwrap();
        let rows: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
        if rows.len() == count {
            Ok(rows)
        } else {
            Err(format!("{rows:?}"))
        }
    })
    .await
}

/// Three pairs of deliveries, one of each older than the other: arrived, dropped and dead.
async fn deliveries(stage: &Stage, days: [i32; 2]) {
    let hook = stage.signed("/a").await;
    for state in ["delivered", "dropped", "dead"] {
        let client = stage.database.connect().await;
        for _ in 0..2 {
            let add = "WITH event AS ( \
                         INSERT INTO delivery_events (id, event_type, subject, body) \
                         VALUES (gen_random_uuid(), 'sync.completed', 's', '{}') RETURNING id) \
                       INSERT INTO deliveries (id, webhook_id, event_id, lane) \
                       SELECT gen_random_uuid(), $1, id, 'key:s' FROM event";
            client.execute(add, &[&hook.id.0]).await.unwrap();
        }
        age(stage, "deliveries", state, days).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_that_are_over_go_after_thirty_days_and_dead_ones_never() {
    let mut stage = Stage::without_notifier(&[]).await;
    deliveries(&stage, [31, 29]).await;
    stage.start();
    assert_eq!(left(&stage, "deliveries", 4).await, [31, 29, 29, 29]);
    let dead = stage.wait_state("dead", 2).await;
    assert_eq!(dead.len(), 4);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_deliveries_are_kept_is_a_setting() {
    let more = [("NOTIFICATIONS_RETENTION_DAYS", "3")];
    let mut stage = Stage::without_notifier(&more).await;
    deliveries(&stage, [4, 2]).await;
    stage.start();
    assert_eq!(left(&stage, "deliveries", 4).await, [4, 2, 2, 2]);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_are_over_go_after_thirty_days_or_what_the_setting_says() {
    let short = [("MAIL_RETENTION_DAYS", "3")];
    for (more, days) in [(&[][..], [31, 29]), (&short[..], [4, 2])] {
        let mut post = Post::without_notifier(simulators::resend::Limits::off(), more).await;
        for state in ["sent", "dead"] {
            post.queue("welcome").await;
            post.queue("welcome").await;
            age(&post.stage, "mails", state, days).await;
        }
        post.stage.start();
        assert_eq!(left(&post.stage, "mails", 2).await, [days[1], days[1]]);
        post.stage.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_does_not_open_is_kept_and_not_handed_over_as_it_lies() {
    let more = [("RESEND_API_KEY", "re_simulated")];
    let mut post = Post::without_notifier(simulators::resend::Limits::off(), &more).await;
    let damaged = post.queue("magic_link").await;
    post.sql(
        "UPDATE mails SET body = overlay(body placing \
           CASE WHEN substr(body, 40, 1) = 'A' THEN 'B' ELSE 'A' END from 40 for 1)",
    )
    .await;
    post.stage.start();
    let client = post.stage.database.connect().await;
    wait_for("an attempt", PATIENCE, async || {
        let tried = "SELECT count(*) FROM mails m JOIN mail_attempts a ON a.mail_id = m.id \
                     WHERE a.outcome = 'limited' AND m.holder IS NULL AND m.body IS NOT NULL";
        let tried: i64 = client.query_one(tried, &[]).await.unwrap().get(0);
        (tried == 1).then_some(())
    })
    .await;
    // The next one passes.
    let sound = post.queue("magic_link").await;
    post.wait_state(sound, "sent").await;
    assert_eq!(post.wait_state(damaged, "pending").await.1, ["limited"]);
    assert_eq!(post.resend.journal().len(), 1);
    post.stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_when_its_address_was_suppressed_ends_without_its_link() {
    let more = [("RESEND_API_KEY", "re_simulated")];
    let mut post = Post::without_notifier(simulators::resend::Limits::off(), &more).await;
    let id = post.queue("magic_link").await;
    post.sql(
        "INSERT INTO mail_suppressions (id, address, reason, event) \
         VALUES (gen_random_uuid(), 'anna@example.net', 'BOUNCED', 'e')",
    )
    .await;
    post.stage.start();
    let (reason, attempts) = post.wait_state(id, "suppressed").await;
    assert!(reason.contains("BOUNCED"), "{reason}");
    assert!(attempts.is_empty());
    let client = post.stage.database.connect().await;
    let body = "SELECT body IS NULL FROM mails";
    assert!(client.query_one(body, &[]).await.unwrap().get::<_, bool>(0));
    assert_eq!(post.resend.journal().len(), 0);
    post.stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_of_senders_that_are_gone_are_freed_while_much_is_cleaned_up() {
    let mut stage = Stage::without_notifier(&[]).await;
    deliveries(&stage, [31, 29]).await;
    let mut client = stage.database.connect().await;
    let add = "INSERT INTO delivery_attempts (delivery_id, number) SELECT id, 1 FROM deliveries";
    client.execute(add, &[]).await.unwrap();
    // Whoever cleans up has to wait.
    let busy = client.transaction().await.unwrap();
    let lock = "SELECT FROM delivery_attempts FOR UPDATE";
    busy.execute(lock, &[]).await.unwrap();
    stage.start();
    let client = stage.database.connect().await;
    let count = async |what: &str| -> i64 { client.query_one(what, &[]).await.unwrap().get(0) };
    let waits = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_for("the clean-up", PATIENCE, async || {
        (count(waits).await == 1).then_some(())
    })
    .await;
    let gone = "INSERT INTO delivery_lanes (webhook_id, lane, due_at, holder, held_until) \
        SELECT id, 'key:s', now(), gen_random_uuid(), now() - interval '1 s' FROM webhooks";
    client.execute(gone, &[]).await.unwrap();
    let held = "SELECT count(holder) FROM delivery_lanes";
    wait_for("the lane to be free", PATIENCE, async || {
        (count(held).await == 0).then_some(())
    })
    .await;
    assert_eq!(count(waits).await, 1, "it still waits");
    busy.rollback().await.unwrap();
    assert_eq!(left(&stage, "deliveries", 4).await, [31, 29, 29, 29]);
    stage.stop().await;
}

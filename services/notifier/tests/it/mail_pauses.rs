//! What holds mail up without costing it an attempt.

use simulators::resend::{ApiKey, Effect, Limits};
use testkit::wait_for;

use crate::post::Post;
use crate::stage::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_or_used_up_pauses_all_mail_with_it_until_another_is_there() {
    for reason in ["INVALID_API_KEY", "QUOTA_EXCEEDED"] {
        let mut post = Post::new(Limits::off()).await;
        let other = ApiKey::full("re_other");
        if reason == "QUOTA_EXCEEDED" {
            post.resend.keys(|keys| keys.push(other));
            post.fault(Effect::DailyQuota);
        } else {
            post.resend.keys(|keys| *keys = vec![other]);
        }
        let first = post.queue("welcome").await;
        let second = post.queue("magic_link").await;
        post.wait_paused(reason).await;
        let key = ("resend_api_key", "re_other");
        let saved = post.stage.store.setting_save(key.0, key.1, "plain", "test");
        saved.await.unwrap();
        post.wait_state(first, "sent").await;
        post.wait_state(second, "sent").await;
        let journal = post.resend.journal();
        let refused = journal.iter().filter(|it| it.status >= 400).count();
        assert!(refused <= 2, "{reason}: {refused}");
        let told = post.told("mail.paused").await;
        assert_eq!(told.len(), 1, "{reason}");
        assert_eq!(told[0]["data"]["reason"], reason);
        post.stage.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_pauses_all_mail_is_told_once_and_costs_nothing() {
    let mut post = Post::new(Limits::off()).await;
    post.fault(Effect::DailyQuota);
    let first = post.queue("welcome").await;
    post.wait_paused("QUOTA_EXCEEDED").await;
    post.fault(Effect::DailyQuota);
    // The hour is over, and the quota is not back.
    post.sql("UPDATE mail_pauses SET until = now()").await;
    wait_for("another refusal", PATIENCE, async || {
        let refused = post.resend.journal().len();
        if refused == 2 {
            Ok(())
        } else {
            Err(refused.to_string())
        }
    })
    .await;
    post.wait_paused("QUOTA_EXCEEDED").await;
    let second = post.queue("welcome").await;
    let counted =
        "SELECT sum(failures)::bigint, count(first_attempt_at) FROM mails WHERE holder IS NULL";
    let client = post.stage.database.connect().await;
    wait_for("the mails to be free", PATIENCE, async || {
        let held = client
            .query_one("SELECT count(*) FROM mails WHERE holder IS NOT NULL", &[])
            .await;
        let held: i64 = held.unwrap().get(0);
        if held == 0 {
            Ok(())
        } else {
            Err(held.to_string())
        }
    })
    .await;
    let row = client.query_one(counted, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (0, 0));
    post.sql("UPDATE mail_pauses SET until = now()").await;
    post.wait_state(first, "sent").await;
    post.wait_state(second, "sent").await;
    let told = post.told("mail.paused").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["data"]["reason"], "QUOTA_EXCEEDED");
    post.stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_kept_to_waited_for_and_learned() {
    let mut post = Post::new(Limits::real()).await;
    post.fault(Effect::TooManyRequests { retry_after: 1 });
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(post.queue("welcome").await);
    }
    for id in ids {
        let (_, attempts) = post.wait_state(id, "sent").await;
        assert!(attempts.iter().all(|it| it == "limited" || it == "sent"));
    }
    let limited = post
        .resend
        .journal()
        .iter()
        .filter(|it| it.status == 429)
        .count();
    assert!(limited <= 2, "{limited}");
    let client = post.stage.database.connect().await;
    let select = "SELECT per_second, NOT EXISTS (SELECT FROM mail_pauses) FROM mail_pacing";
    let row = client.query_one(select, &[]).await.unwrap();
    assert_eq!(row.get::<_, Option<i32>>(0), Some(2));
    assert!(row.get::<_, bool>(1));
    assert!(post.told("mail.paused").await.is_empty());
    post.stage.stop().await;
}

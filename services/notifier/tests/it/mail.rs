//! Mail on its way to Resend, and what may go wrong with it.

use simulators::resend::{Effect, Limits};

use crate::post::Post;

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_answer_was_lost_is_repeated_and_sent_once() {
    for effect in [
        Effect::Reset { accepted: true },
        Effect::Hang { accepted: true },
        Effect::status_after_acceptance(500),
    ] {
        let mut post = Post::new(Limits::off()).await;
        post.fault(effect.clone());
        let id = post.queue("verify_email").await;
        let (_, attempts) = post.wait_state(id, "sent").await;
        assert_eq!(attempts.len(), 2, "{effect:?}");
        assert_ne!(attempts[0], "sent", "{effect:?}");
        assert_eq!(post.resend.sent().len(), 1, "{effect:?}");
        let journal = post.resend.journal();
        assert!(journal[1].repeated && journal[0].body == journal[1].body);
        post.stage.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_resend_refuses_is_not_tried_again_and_its_link_is_erased() {
    let mut post = Post::new(Limits::off()).await;
    let name = Some("validation_error".to_owned());
    post.fault(Effect::Status {
        status: 422,
        name,
        accepted: false,
    });
    let id = post.queue("reset_password").await;
    let (reason, attempts) = post.wait_state(id, "dead").await;
    assert_eq!(reason, "Resend refused it with the status 422.");
    assert_eq!(attempts, ["failed"]);
    let told = post.told("mail.dead").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["subject"], id.to_string());
    assert_eq!(
        told[0]["data"],
        serde_json::json!({ "template": "reset_password", "reason": reason }),
        "and not whom it was for"
    );
    let client = post.stage.database.connect().await;
    let erased = client
        .query_one("SELECT body IS NULL FROM mails", &[])
        .await;
    assert!(erased.unwrap().get::<_, bool>(0));
    // The next one passes.
    post.queue("reset_password").await;
    post.sent(1).await;
    assert_eq!(post.resend.journal().len(), 2);
    post.stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_is_sent_and_all_is_kept_until_there_is_one() {
    let mut post = Post::without_notifier(Limits::off(), &[]).await;
    let id = post.queue("welcome").await;
    post.stage.start();
    // A webhook's delivery shows that the notifier works.
    post.stage.signed("/shows").await;
    post.stage.completed(&["run"]).await;
    post.stage.wait_state("delivered", 1).await;
    assert_eq!(post.wait_state(id, "pending").await.1.len(), 0);
    assert_eq!(post.resend.journal().len(), 0);
    let key = ("resend_api_key", "re_simulated");
    let saved = post.stage.store.setting_save(key.0, key.1, "plain", "test");
    saved.await.unwrap();
    post.wait_state(id, "sent").await;
    post.stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_too_late_is_not_sent_and_its_link_is_erased() {
    let mut post =
        Post::without_notifier(Limits::off(), &[("RESEND_API_KEY", "re_simulated")]).await;
    let expired = post.queue("magic_link").await;
    post.sql("UPDATE mails SET expires_at = now() - interval '1 s'")
        .await;
    let forgotten = post.queue("welcome").await;
    post.sql(
        "UPDATE mails SET first_attempt_at = now() - interval '23 h' WHERE template = 'welcome'",
    )
    .await;
    post.stage.start();
    let (reason, _) = post.wait_state(expired, "dead").await;
    assert_eq!(
        reason,
        "The link in it expired before it could be handed over."
    );
    let (reason, _) = post.wait_state(forgotten, "dead").await;
    assert_eq!(reason, "It could not be handed over within 23 hours.");
    assert_eq!(post.told("mail.dead").await.len(), 2);
    assert_eq!(post.resend.journal().len(), 0);
    let client = post.stage.database.connect().await;
    let select = "SELECT count(*) FROM mails WHERE holds_link AND body IS NOT NULL";
    let kept: i64 = client.query_one(select, &[]).await.unwrap().get(0);
    assert_eq!(kept, 0);
    post.stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_notifier_left_behind_is_sent_by_the_next_under_the_same_key() {
    let mut post =
        Post::without_notifier(Limits::off(), &[("RESEND_API_KEY", "re_simulated")]).await;
    let id = post.queue("verify_email").await;
    post.sql(
        "UPDATE mails SET holder = gen_random_uuid(), held_until = now() - interval '1 s', \
           first_attempt_at = now(), fence = 1; \
         INSERT INTO mail_attempts (mail_id, number) SELECT id, 1 FROM mails",
    )
    .await;
    post.stage.start();
    let (_, attempts) = post.wait_state(id, "sent").await;
    assert_eq!(attempts, ["unknown", "sent"]);
    let sent = post.sent(1).await.remove(0);
    assert_eq!(sent.idempotency_key, Some(id.to_string()));
    post.stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_go_before_reports_and_webhooks_that_hang_delay_no_mail() {
    let more = [
        ("RESEND_API_KEY", "re_simulated"),
        ("NOTIFICATIONS_CONCURRENCY", "1"),
        ("NOTIFICATIONS_REQUEST_TIMEOUT_SECONDS", "60"),
    ];
    let mut post = Post::without_notifier(Limits::off(), &more).await;
    post.stage.signed("/hangs").await;
    let hangs = simulators::receiver::Answer::Never;
    post.stage.receiver.answer("/hangs", hangs);
    post.stage.completed(&["a", "b", "c"]).await;
    post.queue("welcome").await;
    post.queue("welcome").await;
    let link = post.queue("magic_link").await;
    post.stage.start();
    let sent = post.sent(3).await;
    assert_eq!(sent[0].idempotency_key, Some(link.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_developers_machine_mail_is_written_to_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap().to_owned();
    let more = [
        ("MAIL_TRANSPORT", "file"),
        ("MAIL_DIRECTORY", path.as_str()),
    ];
    let mut post = Post::without_notifier(Limits::off(), &more).await;
    let id = post.queue("verify_email").await;
    post.stage.start();
    post.wait_state(id, "sent").await;
    let file = std::fs::read_to_string(directory.path().join(format!("{id}.eml"))).unwrap();
    assert!(file.contains("To: anna@example.net\r\n"), "{file}");
    assert_eq!(post.resend.journal().len(), 0);
    post.stage.stop().await;
}

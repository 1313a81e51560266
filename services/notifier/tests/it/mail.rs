//! Mail on its way to Resend, and what may go wrong with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::types::caller::Principal;
use common::types::id::MailId;
use outbound::Mail;
use reach::mail::{MailOrder, Mailer};
use reach::settings::Settings;
use serde_json::Value;
use simulators::resend::{ApiKey, Effect, Fault, Limits, Options, Resend, Sent};
use store::MailQueued;
use testkit::wait_for;

use crate::stage::{PATIENCE, Stage};

const TOKEN: &str = "cGxhbnRlZC1zZWNyZXQtdG9rZW4";

pub struct Post {
    pub stage: Stage,
    pub resend: Resend,
}

impl Post {
    /// With a notifier that tries again after a second.
    async fn new(limits: Limits) -> Self {
        let mut post = Self::without_notifier(limits, &[("RESEND_API_KEY", "re_simulated")]).await;
        post.stage.start();
        post
    }

    pub async fn without_notifier(limits: Limits, more: &[(&str, &str)]) -> Self {
        let options = Options {
            limits,
            ..Options::default()
        };
        let resend = Resend::start(options).await.unwrap();
        let url = resend.url();
        let mut settings = vec![
            ("MAIL_RESEND_URL", url.as_str()),
            ("EMAIL_FROM", "NodeByte <noreply@example.com>"),
            ("MAIL_RETRY_SECONDS", "1"),
            ("NOTIFICATIONS_REQUEST_TIMEOUT_SECONDS", "2"),
        ];
        settings.extend_from_slice(more);
        let stage = Stage::without_notifier(&settings).await;
        let site = ("site_url", "https://nodebyte.example");
        let saved = stage.store.setting_save(site.0, site.1, "plain", "test");
        saved.await.unwrap();
        Self { stage, resend }
    }

    pub async fn queue(&self, template: &str) -> MailId {
        let config = Arc::clone(&self.stage.config);
        let store = self.stage.store.clone();
        let settings = Settings::new(store.clone(), Arc::clone(&config)).unwrap();
        let mailer = Mailer::new(store, Arc::new(settings), &config).unwrap();
        let data = [("name", "Anna"), ("token", TOKEN), ("user_id", "u")];
        let data: BTreeMap<String, String> = data
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let order = MailOrder {
            mail: Mail::read(template, &data).unwrap(),
            to: "anna@example.net".parse().unwrap(),
            by: Principal::Service,
            idempotency_key: None,
            request_digest: [0; 32],
        };
        match mailer.queue(&order).await.unwrap() {
            MailQueued::New(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn fault(&self, effect: Effect) {
        let fault = Fault::new(effect).on("/emails").times(1);
        self.resend.faults(|faults| faults.add(fault));
    }

    pub async fn sent(&self, count: usize) -> Vec<Sent> {
        wait_for("mails at Resend", PATIENCE, async || {
            let sent = self.resend.sent();
            if sent.len() == count {
                Ok(sent)
            } else {
                Err(format!("{sent:?}"))
            }
        })
        .await
    }

    /// Waits for a mail's state, and says why it has it and how its attempts went.
    pub async fn wait_state(&self, id: MailId, state: &str) -> (String, Vec<String>) {
        let client = self.stage.database.connect().await;
        wait_for("the mail", PATIENCE, async || {
            let select = "SELECT state, COALESCE(reason, ''), \
                ARRAY(SELECT outcome FROM mail_attempts WHERE mail_id = id ORDER BY number) \
                FROM mails WHERE id = $1";
            let row = client.query_one(select, &[&id.0]).await.unwrap();
            let (is, reason): (String, String) = (row.get(0), row.get(1));
            let attempts: Vec<String> = row.get(2);
            if is == state {
                Ok((reason, attempts))
            } else {
                Err(format!("{is} {reason} {attempts:?}"))
            }
        })
        .await
    }

    async fn wait_paused(&self, because: &str) {
        let client = self.stage.database.connect().await;
        wait_for("the pause", PATIENCE, async || {
            let select = "SELECT max(because) FROM mail_pauses";
            let is: Option<String> = client.query_one(select, &[]).await.unwrap().get(0);
            if is.as_deref() == Some(because) {
                Ok(())
            } else {
                Err(format!("{is:?}"))
            }
        })
        .await;
    }

    /// Events of this type that were told.
    async fn told(&self, event: &str) -> Vec<Value> {
        let client = self.stage.database.connect().await;
        let select = "SELECT body FROM outbox WHERE key = $1 ORDER BY seq";
        let rows = client.query(select, &[&event]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub async fn sql(&self, statement: &str) {
        let client = self.stage.database.connect().await;
        client.batch_execute(statement).await.unwrap();
    }
}

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
    let second = post.queue("welcome").await;
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
    let sent = tokio::time::timeout(Duration::from_secs(5), post.sent(3)).await;
    let sent = sent.unwrap();
    assert_eq!(sent[0].idempotency_key, Some(link.to_string()));
    post.stage.stop().await;
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

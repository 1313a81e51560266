//! Mail that is queued as the gateway does, a Resend, and a notifier between them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use common::types::caller::Principal;
use common::types::id::MailId;
use outbound::Mail;
use reach::mail::{MailOrder, Mailer};
use reach::settings::Settings;
use serde_json::Value;
use simulators::resend::{Effect, Fault, Limits, Options, Resend, Sent};
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
    pub async fn new(limits: Limits) -> Self {
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
            ("NOTIFICATIONS_REQUEST_TIMEOUT_SECONDS", "6"),
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
        let admitted = ready(Ok::<(), Infallible>(()));
        match mailer.queue(&order, admitted).await.unwrap() {
            Ok(MailQueued::New(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    pub fn fault(&self, effect: Effect) {
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

    pub async fn wait_paused(&self, because: &str) {
        let client = self.stage.database.connect().await;
        wait_for("the pause", PATIENCE, async || {
            let select = "SELECT max(because) FROM mail_pauses WHERE until > now()";
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
    pub async fn told(&self, event: &str) -> Vec<Value> {
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

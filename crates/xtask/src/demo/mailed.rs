//! A mail from its order to Resend.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::world::World;

const SITE: &str = "https://site.example";
const TO: &str = "anna@example.net";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const POLL: Duration = Duration::from_millis(200);
const POLLS: usize = 150;

/// What Resend was handed.
#[derive(Serialize)]
pub(crate) struct Mailed {
    to: String,
    subject: String,
    /// Whether the mail holds the link that leads to the website.
    holds_link: bool,
}

/// Orders a mail, as the website does when somebody registers, and waits until Resend has it.
pub(crate) async fn run(gateway: &Gateway, world: &World) -> Result<Mailed> {
    let site = json!({ "siteUrl": SITE });
    gateway
        .administer(&world.admin_key, Method::POST, "settings", Some(&site))
        .await?;
    let data = json!({ "name": "Anna", "user_id": "user-1", "token": TOKEN });
    let order = json!({ "to": TO, "template": "verify_email", "data": data });
    gateway.mail(&order).await?;
    for _ in 0..POLLS {
        let sent = world.resend.ask(Method::GET, "sent", None).await?;
        if let Some(mail) = sent.pointer("/0/email") {
            return Mailed::read(mail);
        }
        tokio::time::sleep(POLL).await;
    }
    bail!("no mail reached the simulated Resend")
}

impl Mailed {
    fn read(mail: &Value) -> Result<Self> {
        let text = |place: &str| {
            let found = mail.pointer(place).and_then(Value::as_str);
            found.with_context(|| format!("the mail lacks {place}"))
        };
        let to = text("/to/0").or_else(|_| text("/to"))?;
        let link = format!("{SITE}/auth/verify-email?token={TOKEN}");
        Ok(Self {
            to: to.to_owned(),
            subject: text("/subject")?.to_owned(),
            holds_link: text("/text")?.contains(&link),
        })
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let Self { to, subject, .. } = self;
        format!("\nResend was handed a mail to {to}: {subject}\n")
    }

    /// Whether the mail is as it should be.
    pub(crate) fn is_complete(&self) -> bool {
        self.to == TO && self.holds_link
    }
}

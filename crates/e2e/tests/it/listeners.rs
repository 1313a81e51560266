//! Who is told of what happens, and the administrator who says so.

use crate::service::Service;
use crate::world::World;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use simulators::{discord, receiver, resend};

/// Outside systems that are told.
pub struct Listeners {
    pub receiver: receiver::Receiver,
    pub discord: discord::Discord,
    pub resend: resend::Resend,
}

impl Listeners {
    /// Starts them, and tells the services that are started from now on where they are.
    pub async fn start(world: &mut World) -> Self {
        runtime::process::install_crypto_provider();
        let listeners = Self {
            receiver: receiver::Receiver::start(receiver::Options::default())
                .await
                .unwrap(),
            discord: discord::Discord::start(discord::Options::default())
                .await
                .unwrap(),
            resend: resend::Resend::start(resend::Options::default())
                .await
                .unwrap(),
        };
        for (name, value) in [
            ("ENCRYPTION_KEY", "5a".repeat(32)),
            ("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8".to_owned()),
            ("NOTIFICATIONS_DISCORD_URL", listeners.discord.url()),
            ("NOTIFICATIONS_REQUEST_TIMEOUT_SECONDS", "2".to_owned()),
            ("NOTIFICATIONS_RETRY_SECONDS", "1,1,1".to_owned()),
            ("MAIL_RESEND_URL", listeners.resend.url()),
            ("RESEND_API_KEY", "re_simulated".to_owned()),
            ("EMAIL_FROM", "NodeByte <noreply@example.com>".to_owned()),
        ] {
            world.set(name, &value);
        }
        listeners
    }

    /// The address of a path of somebody's system.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.receiver.url())
    }
}

/// An administrator with a key, who asks a gateway.
pub struct Admin<'a> {
    gateway: &'a Service,
    client: Client,
    pub key: String,
}

impl<'a> Admin<'a> {
    pub fn new(world: &World, gateway: &'a Service) -> Self {
        let arguments = [
            "--json",
            "api-key",
            "create",
            "--client",
            "e2e",
            "--scopes",
            "admin,notify",
        ];
        let made: Value = serde_json::from_str(&world.operate(&arguments)).unwrap();
        Self {
            gateway,
            client: Client::new(),
            key: made["key"].as_str().unwrap().to_owned(),
        }
    }

    /// The answer, whatever it is, as it is.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> String {
        let request = self.client.request(method, self.gateway.url(path));
        let mut request = request.header("X-API-Key", &self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let head = format!("{path} {} {:?}\n", answer.status(), answer.headers());
        head + &answer.text().await.unwrap()
    }

    /// Changes something, which has to be taken.
    pub async fn make(&self, path: &str, body: &Value) -> Value {
        let said = self.ask(Method::POST, path, Some(body)).await;
        let (head, text) = said.split_once('\n').unwrap();
        assert!(head.starts_with(&format!("{path} 20")), "{said}");
        serde_json::from_str(text).unwrap()
    }

    /// A webhook that is told of everything about the system; its signing secret, if it has
    /// one.
    pub async fn webhook(&self, url: &str) -> String {
        let form = json!({
            "name": "e2e", "webhookUrl": url, "type": "SYSTEM", "scope": "ADMIN",
        });
        let made = self.make("/api/admin/settings/webhooks", &form).await;
        made["signingSecret"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

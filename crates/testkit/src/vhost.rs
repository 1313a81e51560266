//! A RabbitMQ virtual host per test.

use reqwest::{Client, Url};
use serde_json::json;
use uuid::Uuid;

use crate::{cleanup, environment};

/// A virtual host of its own, deleted with this value: queues, exchanges and connections included.
#[derive(Debug)]
pub struct TestVhost {
    name: String,
    url: Url,
    management: Url,
}

impl TestVhost {
    /// Creates it through the management API that `RABBITMQ_MANAGEMENT_URL` names.
    ///
    /// # Panics
    /// When a server is not named or refuses.
    pub async fn new() -> Self {
        let mut url = environment::url("AMQP_URL");
        let management = environment::url("RABBITMQ_MANAGEMENT_URL");
        let name = format!("test-{}", Uuid::new_v4().simple());
        url.set_path(&name);
        let vhost = Self {
            name,
            url,
            management,
        };
        vhost
            .put(&format!("api/vhosts/{}", vhost.name), json!({}))
            .await;
        let user = match vhost.url.username() {
            "" => "guest",
            user => user,
        };
        let everything = json!({"configure": ".*", "write": ".*", "read": ".*"});
        vhost
            .put(
                &format!("api/permissions/{}/{user}", vhost.name),
                everything,
            )
            .await;
        vhost
    }

    /// Its address, `amqp://…/name`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Its name on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The management API's answer to `GET /api/queues/{vhost}/{queue}`, or `None` when there is no such
    /// queue. The counts in it lag by up to five seconds.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn queue(&self, queue: &str) -> Option<serde_json::Value> {
        let path = format!("api/queues/{}/{queue}", self.name);
        let answer = client()
            .get(self.management.join(&path).unwrap())
            .send()
            .await
            .expect("asking RabbitMQ's management API");
        if !answer.status().is_success() {
            return None;
        }
        Some(answer.json().await.expect("a JSON answer"))
    }

    async fn put(&self, path: &str, body: serde_json::Value) {
        client()
            .put(self.management.join(path).unwrap())
            .json(&body)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .unwrap_or_else(|error| panic!("RabbitMQ's management API: {}", error.without_url()));
    }
}

impl Drop for TestVhost {
    fn drop(&mut self) {
        let address = self.management.join(&format!("api/vhosts/{}", self.name));
        cleanup::run(async move {
            let address = address.map_err(|error| error.to_string())?;
            client()
                .delete(address)
                .send()
                .await
                .and_then(reqwest::Response::error_for_status)
                .map(drop)
                .map_err(|error| error.without_url().to_string())
        });
    }
}

fn client() -> Client {
    // Another test of this process may have been first; either way there is a provider now.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

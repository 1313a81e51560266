//! What an operator, or an accident, does to RabbitMQ behind our back.

use reqwest::{Client, Response, Url};
use serde_json::{Value, json};
use testkit::TestVhost;

/// RabbitMQ's management API, for one virtual host.
pub struct Management {
    client: Client,
    address: Url,
    vhost: String,
}

impl Management {
    pub fn of(vhost: &TestVhost) -> Self {
        let address = std::env::var("RABBITMQ_MANAGEMENT_URL").expect("RABBITMQ_MANAGEMENT_URL");
        Self {
            client: Client::new(),
            address: address.parse().unwrap(),
            vhost: vhost.name().to_owned(),
        }
    }

    /// Takes the first message of `queue` and gives it back without an answer.
    /// Says whether there was one.
    pub async fn take_and_give_back(&self, queue: &str) -> bool {
        self.first(queue).await.is_some()
    }

    /// The first message of `queue` with its properties; it stays.
    pub async fn first(&self, queue: &str) -> Option<Value> {
        let body = json!({"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"});
        let address = self.queue(&format!("{queue}/get"));
        let answer = self.client.post(address).json(&body).send().await;
        let messages: Vec<Value> = checked(answer).json().await.unwrap();
        messages.into_iter().next()
    }

    /// Deletes `queue` with all that is in it.
    pub async fn delete_queue(&self, queue: &str) {
        checked(self.client.delete(self.queue(queue)).send().await);
    }

    /// The properties with which `queue` was declared.
    pub async fn arguments(&self, queue: &str) -> Value {
        let answer: Value = checked(self.client.get(self.queue(queue)).send().await)
            .json()
            .await
            .unwrap();
        answer["arguments"].clone()
    }

    fn queue(&self, rest: &str) -> Url {
        self.address
            .join(&format!("api/queues/{}/{rest}", self.vhost))
            .unwrap()
    }
}

fn checked(answer: reqwest::Result<Response>) -> Response {
    answer
        .and_then(Response::error_for_status)
        .unwrap_or_else(|error| panic!("RabbitMQ's management API: {}", error.without_url()))
}

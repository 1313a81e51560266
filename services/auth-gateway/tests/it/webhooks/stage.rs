//! A gateway with endpoints that its webhooks can be made for.

use common::types::user::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::{discord, receiver};

use crate::gateway::answer;
use crate::settings::stage::Stage as Settings;

pub const WEBHOOKS: &str = "/api/admin/settings/webhooks";

pub struct Stage {
    pub gateway: Settings,
    pub discord: discord::Discord,
    pub receiver: receiver::Receiver,
}

impl Stage {
    pub async fn new() -> Self {
        let discord = discord::Discord::start(discord::Options::default()).await;
        let receiver = receiver::Receiver::start(receiver::Options::default()).await;
        let (discord, receiver) = (discord.unwrap(), receiver.unwrap());
        let gateway = Settings::with(vec![
            ("NOTIFICATIONS_DISCORD_URL", discord.url()),
            ("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8".to_owned()),
        ])
        .await;
        Self {
            gateway,
            discord,
            receiver,
        }
    }

    pub async fn send(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        self.gateway.send(method, path, body).await
    }

    /// As the website does: with a content type and without a body.
    pub async fn bare(&self, method: Method, path: &str) -> (StatusCode, Value) {
        let request = self.gateway.request(method, path);
        answer(request.header("content-type", "application/json")).await
    }

    /// The token of another administrator.
    pub async fn colleague(&self) -> String {
        let gateway = &self.gateway.gateway;
        gateway.user("berta", Role::Administrator).await;
        gateway.token("berta").await.text
    }

    /// The same as somebody else.
    pub async fn send_as(&self, token: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.gateway.gateway.as_user(token, Method::POST, path);
        answer(request.json(body)).await
    }

    /// Makes what must be taken.
    pub async fn made(&self, body: Value) -> Value {
        let (status, answer) = self.send(Method::POST, WEBHOOKS, &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    pub async fn signed(&self) -> Value {
        self.made(self.partner()).await
    }

    /// The form of what `signed` makes.
    pub fn partner(&self) -> Value {
        let url = format!("{}/hook?key=planted-in-query", self.receiver.url());
        json!({"name": "partner", "webhookUrl": url})
    }

    pub async fn listed(&self) -> Vec<Value> {
        let (status, body) = self.bare(Method::GET, WEBHOOKS).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["webhooks"].as_array().unwrap().clone()
    }
}

pub fn id(answer: &Value) -> String {
    answer["webhook"]["id"].as_str().unwrap().to_owned()
}

//! A gateway, and an administrator of it.

use common::types::user::Role;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use slog::{Drain, Logger, o};
use testkit::LogLines;

use crate::gateway::{Differences, Gateway, answer};

pub const MASK: &str = "••••••••••••••••••••";
pub const SETTINGS: &str = "/api/admin/settings";

pub struct Stage {
    pub gateway: Gateway,
    pub token: String,
    log: LogLines,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(Vec::new()).await
    }

    pub async fn with(variables: Vec<(&'static str, String)>) -> Self {
        let log = LogLines::default();
        let drain = runtime::log::json_lines(log.clone()).fuse();
        let differences = Differences {
            variables,
            ..Differences::default()
        };
        let logger = Logger::root(drain, o!());
        let gateway = Gateway::start_logging_to(differences, &logger).await;
        gateway.user("anna", Role::Administrator).await;
        let token = gateway.token("anna").await.text;
        Self {
            gateway,
            token,
            log,
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.gateway.as_user(&self.token, method, path)
    }

    pub async fn send(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.request(method, path).json(body)).await
    }

    pub async fn save(&self, body: Value) -> (StatusCode, Value) {
        self.send(Method::POST, SETTINGS, &body).await
    }

    /// Saves what must be taken.
    pub async fn saved(&self, body: Value) -> Value {
        let (status, answer) = self.save(body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    pub async fn shown(&self) -> Value {
        let (status, body) = answer(self.request(Method::GET, SETTINGS)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// The row that a query answers as one text.
    pub async fn text(&self, query: &str) -> String {
        let database = self.gateway.database.connect().await;
        let row = database.query_one(query, &[]).await.unwrap();
        row.get::<_, Option<String>>(0).unwrap_or_default()
    }

    /// All that is stored, told and logged, in one text.
    pub async fn everything(&self) -> String {
        let mut all = self.log.text();
        for table in ["config", "admin_audit", "outbox"] {
            let rows = format!("SELECT string_agg(to_jsonb(it)::text, ' ') FROM {table} it");
            all.push_str(&self.text(&rows).await);
        }
        all
    }
}

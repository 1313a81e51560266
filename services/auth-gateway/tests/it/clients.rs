//! Clients with keys in the database.

use std::time::Duration;

use common::crypto::api_key;
use common::types::caller::Actor;
use common::types::scope::{Scope, Scopes};
use common::types::server_limits::ServerLimits;
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use store::{ApiKeyOutcome, ApiKeyRow, NewApiKey};

use crate::gateway::Gateway;

pub fn operator() -> Actor {
    Actor::Operator("cli:test".to_owned())
}

impl Gateway {
    /// A key of the client of this name.
    pub async fn key(&self, client: &str, scopes: impl IntoIterator<Item = Scope>) -> String {
        self.key_for(client, scopes.into_iter().collect(), None)
            .await
            .0
    }

    pub async fn key_for(
        &self,
        client: &str,
        scopes: Scopes,
        lifetime: Option<Duration>,
    ) -> (String, ApiKeyRow) {
        self.new_key(client, scopes, ServerLimits::NONE, lifetime)
            .await
    }

    /// A key that may write the logs of these servers.
    pub async fn log_key(&self, client: &str, servers: ServerLimits) -> String {
        let scopes = Scopes::NONE.with(Scope::Logs);
        self.new_key(client, scopes, servers, None).await.0
    }

    /// A key that writes logs for some servers and may more.
    pub async fn key_with(&self, client: &str, scopes: Scopes, servers: ServerLimits) -> String {
        self.new_key(client, scopes, servers, None).await.0
    }

    async fn new_key(
        &self,
        client: &str,
        scopes: Scopes,
        servers: ServerLimits,
        lifetime: Option<Duration>,
    ) -> (String, ApiKeyRow) {
        let made = api_key::generate().unwrap();
        let new = NewApiKey {
            client: client.to_owned(),
            prefix: made.prefix,
            hash: made.hash,
            scopes,
            servers,
            lifetime,
        };
        match self.store.api_key_create(&new, &operator()).await.unwrap() {
            ApiKeyOutcome::Created(row) => (made.key.expose_secret().to_owned(), *row),
            ApiKeyOutcome::TooMany => panic!("{client} has keys enough"),
        }
    }

    pub async fn revoke(&self, key: &str) {
        let prefix = &key[..12];
        self.store
            .api_key_revoke(prefix, &operator())
            .await
            .unwrap();
    }

    /// A request with another key than the installation's.
    pub fn as_client(&self, key: &str, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.url))
            .header("X-API-Key", key)
    }
}

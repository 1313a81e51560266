//! Users, and tokens that stand for them.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{TimeDelta, Utc};
use common::crypto::bearer::{NewToken, Realm, SigningKey};
use common::types::user::Role;
use reach::signing;
use reqwest::{Method, RequestBuilder};
use ring::hmac;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use store::{NewAccessToken, NewUser, UserChange, UserOutcome};
use uuid::Uuid;

use crate::clients::operator;
use crate::gateway::Gateway;

/// A token of our own, and its id.
pub struct Token {
    pub text: String,
    pub id: Uuid,
}

impl Gateway {
    /// A user with this id and role.
    pub async fn user(&self, id: &str, role: Role) {
        let new = NewUser {
            id: id.to_owned(),
            email: format!("{id}@users.example"),
            username: None,
            roles: vec![role],
            is_verified: true,
        };
        let outcome = self.store.user_create(&new, &operator()).await.unwrap();
        assert!(matches!(outcome, UserOutcome::Created(_)), "{id} is there");
    }

    pub async fn change(&self, user: &str, change: UserChange) {
        let changed = self.store.user_change(user, &change, &operator()).await;
        changed.unwrap();
    }

    /// The key that signs the gateway's own tokens.
    pub async fn signing_key(&self) -> SigningKey {
        let master = self.config.security.master_key().unwrap().map(Arc::new);
        let key = signing::current(&self.store, master, &operator()).await;
        key.unwrap()
    }

    pub async fn rotate(&self) -> SigningKey {
        let master = self.config.security.master_key().unwrap().map(Arc::new);
        let key = signing::rotate(&self.store, master, &operator()).await;
        key.unwrap()
    }

    /// A token of an hour, made as the command line makes them.
    pub async fn token(&self, user: &str) -> Token {
        let key = self.signing_key().await;
        self.token_of(
            user,
            &key,
            &self.config.security.realm(),
            TimeDelta::hours(1),
        )
        .await
    }

    /// A token that the database knows, however it is signed and whenever it ends.
    pub async fn token_of(
        &self,
        user: &str,
        key: &SigningKey,
        realm: &Realm,
        ends_in: TimeDelta,
    ) -> Token {
        let expires_at = Utc::now() + ends_in;
        let new = NewAccessToken {
            id: Uuid::new_v4(),
            user: user.to_owned(),
            issued_at: expires_at - TimeDelta::hours(2),
            expires_at,
        };
        self.store
            .access_token_create(&new, &operator())
            .await
            .unwrap();
        let text = signed(key, realm, &new);
        Token { text, id: new.id }
    }

    /// A request with a token.
    pub fn as_user(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(token)
    }
}

/// A token that says these things, whether or not the database knows it.
pub fn signed(key: &SigningKey, realm: &Realm, token: &NewAccessToken) -> String {
    let token = NewToken {
        user: &token.user,
        id: token.id,
        issued_at: token.issued_at,
        expires_at: token.expires_at,
    };
    let token = key.sign(&token, realm).unwrap();
    token.expose_secret().to_owned()
}

/// A token of an hour as the website makes them; it calls everybody an administrator.
pub fn website_token(secret: &str, user: &str) -> String {
    let now = Utc::now().timestamp();
    hs256(
        secret,
        &json!({"alg": "HS256", "typ": "JWT"}),
        &json!({
            "id": user, "email": format!("{user}@users.example"), "username": user,
            "roles": ["SUPER_ADMIN"], "isSystemAdmin": true,
            "iat": now, "nbf": now, "exp": now + 3600,
        }),
    )
}

pub fn hs256(secret: &str, header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

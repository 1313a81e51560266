//! Hytale accounts that logins bring into custody.

use crate::stage::Stage;
use chrono::Utc;
use common::types::caller::{Origin, Principal};
use common::types::hytale::{HytaleAccount, HytaleEnvironment};
use common::types::id::FlowId;
use serde_json::json;
use store::{FlowTokens, Login, LoginOutcome, NewFlow};
use uuid::Uuid;

/// An account that nobody has heard of.
pub fn account() -> HytaleAccount {
    HytaleAccount {
        environment: HytaleEnvironment::Production,
        id: Uuid::now_v7(),
    }
}

impl Stage {
    /// A login by `principal`, who calls the account `name`, from its begin to its end.
    pub async fn bring(
        &self,
        account: HytaleAccount,
        principal: Principal,
        name: Option<&str>,
        refresh_token: &str,
    ) -> LoginOutcome {
        let (store, now, flow) = (&self.store, Utc::now(), FlowId::new());
        let mut code_hash = [0; 32];
        code_hash[..16].copy_from_slice(flow.0.as_bytes());
        let new = NewFlow {
            id: flow,
            environment: account.environment,
            code_hash,
            principal: Some(principal),
            account_name: name.map(str::to_owned),
            interval_seconds: 5,
            begun_at: now,
            expires_at: now,
        };
        store.hytale_flow_begin(&new, 1).await.unwrap();
        let tokens = FlowTokens {
            access_token: "access".to_owned(),
            refresh_token: Some(refresh_token.to_owned()),
            access_expires_at: now,
            scope: String::new(),
            id_token: None,
            exchanged_at: now,
        };
        store.hytale_flow_exchanged(flow, &tokens).await.unwrap();
        let login = Login {
            flow,
            account,
            profiles: json!([]),
            profile_ids: Vec::new(),
            refresh_token: refresh_token.to_owned(),
            refresh_expires_at: now,
            access_token: "access".to_owned(),
            access_expires_at: now,
            scope: String::new(),
        };
        let outcome = store.hytale_login(&login, &Origin::default()).await;
        outcome.unwrap()
    }

    /// An account whose token is called `first`.
    pub async fn in_custody(&self) -> HytaleAccount {
        let account = account();
        let outcome = self.bring(account, Principal::Service, None, "first").await;
        assert_eq!(outcome, LoginOutcome::Stored);
        account
    }
}

//! An installation in which a secret lies sealed at every place.

use crate::cli::{Answer, ENCRYPTION_KEY, Installation};
use common::crypto::master::MasterKey;
use reach::vault::Vault;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Resealed, SEALED_COLUMNS, Store};

/// 32 bytes from 00 to 1f, [`ENCRYPTION_KEY`], sealed this in the earlier format:
/// `ptla_exampleKey123`.
pub const LEGACY: &str = "AAECAwQFBgcICQoLN3a6epqAunrgMfvu+owBXLHlyKFolyewPmbVwpnHqBo85w==";
pub const LEGACY_PLAIN: &str = "ptla_exampleKey123";

/// Body of a mail that holds no one-time link, and so is not sealed.
pub const PLAIN_MAIL: &str = "{}";

/// More than two batches.
pub const LOGINS: usize = 450;

/// What stands in each column of each row.
pub type Secrets = BTreeMap<(String, String, String), String>;

pub fn master(key: &str) -> Arc<MasterKey> {
    Arc::new(MasterKey::parse(&key.to_owned().into()).unwrap())
}

pub async fn vault(store: &Store, key: &str) -> Vault {
    Vault::open_to_seal(store, Some(master(key))).await.unwrap()
}

/// Rows at every place, and a secret of its own in each column of each.
pub async fn planted() -> (Installation, Secrets) {
    let it = Installation::new().await;
    it.sql.batch_execute(&rows()).await.unwrap();
    let vault = vault(&it.store, ENCRYPTION_KEY).await;
    for column in &SEALED_COLUMNS {
        let rows = it.store.sealed_page(column, "", "", 1000).await.unwrap();
        let seal = |row: store::SealedRow| {
            let secret = format!("planted {} {} {}", column.table(), column.column, row.id);
            Resealed {
                after: vault
                    .seal(column.place.of(&row.id), &secret.into())
                    .unwrap(),
                row: row.id,
                before: row.value,
            }
        };
        let values: Vec<Resealed> = rows.into_iter().map(seal).collect();
        let sealed = it.store.sealed_replace(column, &values).await.unwrap();
        assert!(sealed > 0 && sealed == values.len(), "{column:?}");
    }
    let secrets = opened(&it.store, ENCRYPTION_KEY).await;
    assert!(secrets.values().all(|secret| secret.starts_with("planted")));
    (it, secrets)
}

/// Everything, opened.
pub async fn opened(store: &Store, key: &str) -> Secrets {
    let vault = vault(store, key).await;
    let mut secrets = Secrets::new();
    for column in &SEALED_COLUMNS {
        for row in store.sealed_page(column, "", "", 1000).await.unwrap() {
            let secret = vault.unseal(column.place.of(&row.id), &row.value).unwrap();
            let place = (column.table().to_owned(), column.column.to_owned(), row.id);
            secrets.insert(place, secret.expose_secret().to_owned());
        }
    }
    secrets
}

/// How many values are not sealed by the key that seals.
pub async fn outdated(it: &Installation) -> usize {
    let keys = it.store.data_keys().await.unwrap();
    let active = keys.into_iter().find(|key| key.active).unwrap().kid;
    let mut count = 0;
    for column in &SEALED_COLUMNS {
        let rows = it.store.sealed_page(column, &active, "", 1000).await;
        count += rows.unwrap().len();
    }
    count
}

/// Fails where an answer tells a secret.
pub fn assert_silent(answer: &Answer) {
    for told in [&answer.stdout, &answer.stderr] {
        for secret in [
            "planted",
            "nb1:",
            "nbk1:",
            ENCRYPTION_KEY,
            LEGACY,
            LEGACY_PLAIN,
        ] {
            assert!(!told.contains(secret), "{secret}: {told}");
        }
    }
}

fn rows() -> String {
    format!(
        "INSERT INTO config (key, value, format, updated_by)
           VALUES ('github_token', 'x', 'envelope', 'test');
         INSERT INTO panels (id, name, url, application_key, client_key)
           VALUES ('00000000-0000-0000-0000-000000000001', 'other', 'https://other.example', 'x', 'x');
         INSERT INTO signing_keys (id, public, secret) VALUES ('k1', decode(repeat('00', 32), 'hex'), 'x');
         INSERT INTO webhooks (id, name, kind, about, scope, address, address_shown, secret,
             previous_secret, previous_secret_until)
           VALUES ('00000000-0000-0000-0000-000000000002', 'hook', 'signed', 'SYSTEM', 'ADMIN',
             'x', 'x', 'x', 'x', now() + interval '1 day');
         INSERT INTO webhook_health (webhook_id) SELECT id FROM webhooks;
         INSERT INTO hytale_accounts (environment, account_id, state, profiles, refresh_token,
             access_token, scope)
           VALUES ('production', '00000000-0000-0000-0000-000000000003', 'live', '[]', 'x', 'x', 's');
         INSERT INTO hytale_device_flows (id, environment, code_hash, state, interval_seconds,
             next_poll_at, expires_at, access_token, refresh_token, id_token)
           SELECT gen_random_uuid(), 'production', decode(md5(n::text), 'hex'), 'exchanged', 5,
             now(), now() + interval '1 hour', 'x', 'x', 'x' FROM generate_series(1, {LOGINS}) n;
         INSERT INTO hytale_sessions (id, environment, account_id, profile_id, state, principal,
             session_token, identity_token, expires_at)
           VALUES ('00000000-0000-0000-0000-000000000004', 'production',
             '00000000-0000-0000-0000-000000000003', gen_random_uuid(), 'active', 'service',
             'x', 'x', now() + interval '1 hour');
         INSERT INTO mails (id, template, recipient, subject, body, holds_link, created_by)
           VALUES ('00000000-0000-0000-0000-000000000005', 'magic_link', 'a@example.net', 's', 'x', true,
             'service'),
           ('00000000-0000-0000-0000-000000000006', 'welcome', 'a@example.net', 's', '{PLAIN_MAIL}', false,
             'service');"
    )
}

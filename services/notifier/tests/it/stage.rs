//! A notifier in this process, with somebody's endpoints to tell.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use common::crypto::webhook_signature::SigningSecret;
use common::types::caller::Actor;
use common::types::event::{Event, EventType};
use common::types::id::{MessageId, WebhookId};
use common::types::webhook::{WebhookScope, WebhookType};
use reach::vault::Vault;
use reach::webhooks::{Messenger, seal_address, seal_secret};
use runtime::config::{Config, Sources};
use runtime::shutdown::Shutdown;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use simulators::{discord, receiver};
use slog::Logger;
use store::{DeliveryFilter, DeliveryRow, NewWebhook, Store, WebhookRow};
use testkit::{TestDatabase, TestRedis, TestVhost, test_logger, wait_for};
use tokio::task::JoinHandle;

pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Stage {
    pub database: TestDatabase,
    /// Kept for as long as the stage uses them.
    _servers: (TestVhost, TestRedis),
    pub store: Store,
    pub receiver: receiver::Receiver,
    pub discord: discord::Discord,
    pub config: Arc<Config>,
    notifiers: Vec<(Shutdown, JoinHandle<()>)>,
}

/// A webhook of this stage.
pub struct Hook {
    pub id: WebhookId,
    /// Empty where it is one of Discord.
    pub secret: String,
}

impl Stage {
    /// With one notifier that tries again every second, three times.
    pub async fn new() -> Self {
        let mut stage = Self::without_notifier(&[]).await;
        stage.start();
        stage
    }

    pub async fn without_notifier(settings: &[(&str, &str)]) -> Self {
        runtime::process::install_crypto_provider();
        let (database, vhost) = (TestDatabase::new().await, TestVhost::new().await);
        let redis = TestRedis::new();
        let receiver = receiver::Receiver::start(receiver::Options::default()).await;
        let discord = discord::Discord::start(discord::Options::default()).await;
        let (receiver, discord) = (receiver.unwrap(), discord.unwrap());
        let address = discord.url();
        let mut variables = vec![
            ("DATABASE_URL", database.url()),
            ("AMQP_URL", vhost.url()),
            ("REDIS_URL", redis.url()),
            ("REDIS_PREFIX", redis.prefix()),
            (
                "ENCRYPTION_KEY",
                "0101010101010101010101010101010101010101010101010101010101010101",
            ),
            ("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8"),
            ("NOTIFICATIONS_DISCORD_URL", &address),
            ("NOTIFICATIONS_RETRY_SECONDS", "1,1,1"),
            ("NOTIFICATIONS_REQUEST_TIMEOUT_SECONDS", "6"),
        ];
        variables.extend_from_slice(settings);
        let config = Arc::new(Config::load(&Sources::of_variables(variables)).unwrap());
        let store = Store::connect(&store::Settings {
            url: database.url().to_owned().into(),
            pool_size: 4,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            application_name: "test",
        });
        Self {
            store: store.unwrap(),
            database,
            _servers: (vhost, redis),
            receiver,
            discord,
            config,
            notifiers: Vec::new(),
        }
    }

    pub fn start(&mut self) {
        self.start_logging_to(&test_logger());
    }

    pub fn start_logging_to(&mut self, log: &Logger) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let notifier = notifier::build(&self.config, listener, log).unwrap();
        let shutdown = Shutdown::new();
        let stop = shutdown.clone();
        let task = tokio::spawn(notifier.run(stop));
        self.notifiers.push((shutdown, task));
    }

    pub async fn stop(&mut self) {
        for (shutdown, task) in self.notifiers.drain(..) {
            shutdown.request();
            tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        }
    }

    /// A signed webhook for everything about the system, at a path of the receiver.
    pub async fn signed(&self, path: &str) -> Hook {
        let url = format!("{}{path}", self.receiver.url());
        self.hook(&url, WebhookType::System, &[], json!([])).await
    }

    pub async fn hook(
        &self,
        url: &str,
        about: WebhookType,
        events: &[&str],
        conditions: Value,
    ) -> Hook {
        let master = self.config.security.master_key().unwrap().map(Arc::new);
        let vault = Vault::open_to_seal(&self.store, master).await.unwrap();
        let messenger = Messenger::new(&self.config).unwrap();
        let id = WebhookId::new();
        let address = messenger.address(url).unwrap();
        let (sealed, shown) = seal_address(&vault, id, &address).unwrap();
        let is_signed = address.kind() == common::types::webhook::WebhookKind::Signed;
        let secret = is_signed.then(|| SigningSecret::generate().unwrap());
        let new = NewWebhook {
            id,
            name: "w".to_owned(),
            kind: address.kind(),
            about,
            scope: WebhookScope::Admin,
            description: String::new(),
            enabled: true,
            address: sealed,
            address_shown: shown,
            channel_id: None,
            secret: secret
                .as_ref()
                .map(|it| seal_secret(&vault, id, it).unwrap()),
            events: events.iter().map(|&it| it.to_owned()).collect(),
            conditions,
        };
        let actor = Actor::Operator("test".to_owned());
        let others = self.store.webhooks_just_made(&actor).await.unwrap();
        let made = self.store.webhook_create(&new, &actor, &others).await;
        assert!(made.unwrap().is_some());
        let secret = secret.map(|it| it.text().expose_secret().to_owned());
        Hook {
            id,
            secret: secret.unwrap_or_default(),
        }
    }

    /// Says, as a transaction would, that syncs of these subjects completed.
    pub async fn completed(&self, subjects: &[&str]) -> Vec<MessageId> {
        let events = subjects.iter().map(|subject| {
            let data = json!({
                "panel_id": "p", "kind": "full", "seconds": 1.5,
                "items_total": 3, "items_synced": 3, "items_failed": 0,
            });
            Event::new(EventType::SyncCompleted, *subject, Utc::now(), data)
        });
        self.say(&events.collect::<Vec<_>>()).await
    }

    pub async fn say(&self, events: &[Event]) -> Vec<MessageId> {
        let mut client = self.database.connect().await;
        let transaction = client.transaction().await.unwrap();
        for event in events {
            let sql = "INSERT INTO outbox (id, route, key, subject, body) VALUES ($1, 'event', $2, $3, $4)";
            let body = serde_json::to_value(event).unwrap();
            let row: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                [&event.id.0, &event.event_type, &event.subject, &body];
            transaction.execute(sql, &row).await.unwrap();
        }
        transaction
            .batch_execute("NOTIFY nodebyte_outbox")
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        events.iter().map(|event| event.id).collect()
    }

    pub async fn deliveries(&self) -> Vec<DeliveryRow> {
        let all = DeliveryFilter::default();
        let mut rows = self.store.deliveries(&all, None, 1000).await.unwrap();
        rows.reverse();
        rows
    }

    /// Waits until so many deliveries are in this state.
    pub async fn wait_state(&self, state: &str, count: usize) -> Vec<DeliveryRow> {
        wait_for("deliveries", PATIENCE, async || {
            let rows = self.deliveries().await;
            if rows.iter().filter(|it| it.state == state).count() == count {
                Ok(rows)
            } else {
                Err(format!("{rows:#?}"))
            }
        })
        .await
    }

    /// How many deliveries were set aside, whatever became of them.
    pub async fn set_aside(&self) -> i64 {
        let client = self.database.connect().await;
        let count = "SELECT count(parked_at) FROM deliveries";
        client.query_one(count, &[]).await.unwrap().get(0)
    }

    pub async fn wait_disabled(&self, hook: &Hook) -> WebhookRow {
        wait_for("the webhook to be disabled", PATIENCE, async || {
            let row = self.store.webhook(hook.id).await.unwrap();
            if row.enabled {
                Err(format!("{row:?}"))
            } else {
                Ok(row)
            }
        })
        .await
    }

    /// Ids of events that arrived at a path, by first arrival.
    pub fn arrived(&self, path: &str) -> Vec<String> {
        let mut ids = Vec::new();
        for entry in self.receiver.journal_of(path) {
            let id = entry.webhook_id.unwrap_or_default();
            if entry.status == Some(200) && !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }
}

pub fn texts(ids: &[MessageId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

//! Which webhooks are told of which events.
//!
//! One notifier at a time takes the events, in the order in which the outbox published them,
//! and what is to be delivered is stored in that order. An event that comes again changes
//! nothing: the database knows it by event and webhook.

use async_trait::async_trait;
use broker::{Delivery, InOrder, Sequence};
use common::subscription::Subscription;
use common::types::event::Event;
use common::types::id::WebhookId;
use common::types::webhook::WebhookKind;
use reach::settings::{Settings, SettingsError};
use runtime::error_chain::ErrorChain;
use slog::{Logger, warn};
use store::{NewDelivery, NewDeliveryEvent, Store, StoreError, WebhookRow, lane};

/// Stores what is to be delivered.
pub(crate) struct Matcher {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) log: Logger,
}

/// A webhook as events are compared with it.
struct Subscriber {
    id: WebhookId,
    kind: WebhookKind,
    own: String,
    subscription: Subscription,
}

#[async_trait]
impl Sequence for Matcher {
    async fn handle(&self, deliveries: &[Delivery]) -> InOrder {
        let mut dead = Vec::new();
        let mut events = Vec::with_capacity(deliveries.len());
        for (place, delivery) in deliveries.iter().enumerate() {
            match read(delivery) {
                Ok(event) => events.push(event),
                Err(reason) => dead.push((place, reason)),
            }
        }
        // Off: no delivery of that kind is made.
        let discord = match self.settings.discord_notifications_enabled().await {
            Ok(enabled) => enabled,
            Err(SettingsError::Store(error)) => {
                return InOrder::Later(ErrorChain(&error).to_string());
            }
            // Another setting does not open: no reason to fall silent.
            Err(_) => true,
        };
        match self.store_matches(events, discord).await {
            Ok(()) => InOrder::Done { dead },
            Err(error) => InOrder::Later(ErrorChain(&error).to_string()),
        }
    }
}

impl Matcher {
    async fn store_matches(
        &self,
        events: Vec<(Event, String)>,
        discord: bool,
    ) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let webhooks = self.store.webhooks().await?;
        let subscribers: Vec<Subscriber> = webhooks
            .iter()
            .filter_map(|row| self.subscriber(row))
            .filter(|it| discord || it.kind != WebhookKind::Discord)
            .collect();
        let mut told = Vec::new();
        let mut new = Vec::new();
        for (event, body) in events {
            let before = new.len();
            let wanting = subscribers
                .iter()
                .filter(|it| it.subscription.wants(&event, &it.own));
            new.extend(wanting.map(|it| NewDelivery {
                webhook: it.id,
                event: event.id,
                lane: lane(it.kind, &event.subject),
            }));
            if new.len() > before {
                told.push(NewDeliveryEvent {
                    id: event.id,
                    event_type: event.event_type,
                    subject: event.subject,
                    body,
                });
            }
        }
        let added = self.store.deliveries_add(told, new).await?;
        metrics::counter!("nodebyte_deliveries_matched_total").increment(added);
        Ok(())
    }

    /// `None` for a row that this version cannot read: nothing is sent rather than too much.
    fn subscriber(&self, row: &WebhookRow) -> Option<Subscriber> {
        let subscription = row.subscription();
        if subscription.is_none() {
            warn!(self.log, "a webhook cannot be understood and is told nothing"; "webhook" => %row.id);
        }
        Some(Subscriber {
            id: row.webhook_id(),
            kind: row.kind.parse().ok()?,
            own: row.id.to_string(),
            subscription: subscription?,
        })
    }
}

/// The event, and its JSON as it came.
fn read(delivery: &Delivery) -> Result<(Event, String), String> {
    let body = String::from_utf8(delivery.body.clone())
        .map_err(|_not_text| "the event is not UTF-8".to_owned())?;
    let event: Event = serde_json::from_str(&body).map_err(|at| {
        // The message of the error may repeat what stands there.
        format!(
            "not a CloudEvent of ours (line {}, column {})",
            at.line(),
            at.column()
        )
    })?;
    Ok((event, body))
}

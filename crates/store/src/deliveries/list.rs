//! The delivery log.

use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::id::{DeliveryId, WebhookId};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use uuid::Uuid;

/// Which deliveries; all that is given must agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// One delivery.
    pub id: Option<DeliveryId>,
    /// To this webhook.
    pub webhook: Option<WebhookId>,
    /// `pending`, `parked`, `delivered`, `dead` or `dropped`.
    pub state: Option<String>,
    /// Of this event.
    pub event: Option<Uuid>,
    /// Of events of this type.
    pub event_type: Option<String>,
    /// Of events about this subject.
    pub subject: Option<String>,
    /// Made at this time or later …
    pub since: Option<DateTime<Utc>>,
    /// … and before this one.
    pub until: Option<DateTime<Utc>>,
}

impl DeliveryFilter {
    /// What was asked for, as the trail of administration tells it.
    pub(super) fn told(&self) -> Value {
        json!({
            "delivery_id": self.id, "webhook_id": self.webhook, "state": self.state, "event_id": self.event,
            "event_type": self.event_type, "subject": self.subject, "since": self.since, "until": self.until,
        })
    }
}

/// An event on its way to a webhook, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct DeliveryRow {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// To whom.
    #[diesel(sql_type = SqlUuid)]
    pub webhook_id: Uuid,
    /// The webhook's name.
    #[diesel(sql_type = Text)]
    pub webhook: String,
    /// Of which event.
    #[diesel(sql_type = SqlUuid)]
    pub event_id: Uuid,
    /// The event's type.
    #[diesel(sql_type = Text)]
    pub event_type: String,
    /// What the event is about.
    #[diesel(sql_type = Text)]
    pub subject: String,
    /// `pending`, `parked`, `delivered`, `dead` or `dropped`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Attempts so far.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// Those that failed and count against the schedule.
    #[diesel(sql_type = Integer)]
    pub failures: i32,
    /// The next attempt is not made before, if there is one: what is older in its lane goes
    /// first, and its webhook may be probed, paused or, with its provider, blocked until then.
    /// Nothing goes to a webhook that is disabled, and there is none while one is under way.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub due_at: Option<DateTime<Utc>>,
    /// Why it is dead or was dropped.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it ended.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub finished_at: Option<DateTime<Utc>>,
}

/// One attempt, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct AttemptRow {
    /// From 1.
    #[diesel(sql_type = Integer)]
    pub number: i32,
    /// `sending`, `delivered`, `failed`, `unknown` or `limited`.
    #[diesel(sql_type = Text)]
    pub outcome: String,
    /// Whether it counts against the schedule.
    #[diesel(sql_type = Bool)]
    pub counted: bool,
    /// HTTP status of the answer.
    #[diesel(sql_type = Nullable<Integer>)]
    pub status: Option<i32>,
    /// Of the answer: cut, and without secrets.
    #[diesel(sql_type = Nullable<Text>)]
    pub answer: Option<String>,
    /// When the request left.
    #[diesel(sql_type = Timestamptz)]
    pub started_at: DateTime<Utc>,
    /// How long it took.
    #[diesel(sql_type = Nullable<Integer>)]
    pub milliseconds: Option<i32>,
}

/// $1 … $8, in the order of [`DeliveryFilter`].
pub(super) const CONDITIONS: &str = "\
    ($1::uuid IS NULL OR d.id = $1) AND ($2::uuid IS NULL OR d.webhook_id = $2) \
    AND ($3::text IS NULL OR CASE WHEN d.state = 'pending' AND d.parked_at IS NOT NULL THEN 'parked' \
         ELSE d.state END = $3) \
    AND ($4::uuid IS NULL OR d.event_id = $4) AND ($5::text IS NULL OR e.event_type = $5) \
    AND ($6::text IS NULL OR e.subject = $6) \
    AND ($7::timestamptz IS NULL OR d.created_at >= $7) AND ($8::timestamptz IS NULL OR d.created_at < $8)";

/// Of a delivery `d` to a webhook `w`.
const NEXT_ATTEMPT: &str = "\
    CASE WHEN d.state = 'pending' AND w.enabled AND NOT EXISTS ( \
        SELECT FROM delivery_attempts a WHERE a.delivery_id = d.id AND a.outcome = 'sending') \
    THEN greatest(d.due_at, \
        (SELECT l.due_at FROM delivery_lanes l WHERE l.webhook_id = d.webhook_id AND l.lane = d.lane), \
        (SELECT greatest(h.probe_at, h.paused_until) FROM webhook_health h WHERE h.webhook_id = d.webhook_id), \
        (SELECT p.until FROM provider_pauses p WHERE p.kind = w.kind)) END";

/// Binds a filter's values as $1 … $8.
macro_rules! bind_filter {
    ($query:expr, $filter:expr) => {
        $query
            .bind::<Nullable<SqlUuid>, _>($filter.id.map(|it| it.0))
            .bind::<Nullable<SqlUuid>, _>($filter.webhook.map(|it| it.0))
            .bind::<Nullable<Text>, _>($filter.state.as_deref())
            .bind::<Nullable<SqlUuid>, _>($filter.event)
            .bind::<Nullable<Text>, _>($filter.event_type.as_deref())
            .bind::<Nullable<Text>, _>($filter.subject.as_deref())
            .bind::<Nullable<Timestamptz>, _>($filter.since)
            .bind::<Nullable<Timestamptz>, _>($filter.until)
    };
}
pub(super) use bind_filter;

impl Store {
    /// Deliveries, the newest first; those before `before`, where that is given.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        before: Option<DeliveryId>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut conn = self.conn().await?;
        let query = sql_query(format!(
            "SELECT d.id, d.webhook_id, w.name AS webhook, d.event_id, e.event_type, e.subject, \
               CASE WHEN d.state = 'pending' AND d.parked_at IS NOT NULL THEN 'parked' ELSE d.state END AS state, \
               d.attempts, d.failures, {NEXT_ATTEMPT} AS due_at, d.reason, d.created_at, d.finished_at \
             FROM deliveries d JOIN delivery_events e ON e.id = d.event_id JOIN webhooks w ON w.id = d.webhook_id \
             WHERE {CONDITIONS} AND ($9::uuid IS NULL OR d.id < $9) ORDER BY d.id DESC LIMIT $10"
        ));
        Ok(bind_filter!(query, filter)
            .bind::<Nullable<SqlUuid>, _>(before.map(|it| it.0))
            .bind::<BigInt, _>(limit)
            .load(&mut conn)
            .await?)
    }

    /// The newest attempts of a delivery, at most 100, in order.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn delivery_attempts(&self, id: DeliveryId) -> Result<Vec<AttemptRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT * FROM ( \
               SELECT number, outcome, counted, status, answer, started_at, milliseconds FROM delivery_attempts \
               WHERE delivery_id = $1 ORDER BY number DESC LIMIT 100) a \
             ORDER BY number",
        )
        .bind::<SqlUuid, _>(id.0)
        .load(&mut conn)
        .await?)
    }
}

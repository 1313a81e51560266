//! What transactions want said. A message is written in the transaction of the
//! change that it tells of, and published afterwards by the relay.

use crate::error::StoreError;
use crate::pool::{Connection, Store};
use crate::wake::OUTBOX_CHANNEL;
use common::types::event::Event;
use common::types::id::MessageId;
use common::types::message::Command;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutgoingRoute {
    /// To one queue, named by the key.
    Command,
    /// To the topic exchange, with the key as routing key.
    Event,
}

/// A message that waits to be published.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Order of publishing; 0 until stored.
    pub seq: i64,
    /// Id of the message; repeated publishing keeps it.
    pub id: MessageId,
    /// See [`OutgoingRoute`].
    pub route: OutgoingRoute,
    /// Queue or event type.
    pub key: String,
    /// Messages of one subject keep their order.
    pub subject: String,
    /// JSON text of the body.
    pub body: String,
    /// Text headers, for example the request id.
    pub headers: Value,
}

impl Outgoing {
    /// An event.
    #[must_use]
    pub fn event(event: Event) -> Self {
        Self {
            seq: 0,
            id: event.id,
            route: OutgoingRoute::Event,
            key: event.event_type.clone(),
            subject: event.subject.clone(),
            body: json_text(&event),
            headers: json!({}),
        }
    }

    /// A command about `subject`.
    #[must_use]
    pub fn command(command: &Command, subject: String, request_id: Option<&str>) -> Self {
        Self {
            seq: 0,
            id: MessageId::new(),
            route: OutgoingRoute::Command,
            key: command.queue().to_owned(),
            subject,
            body: json_text(command),
            headers: request_id.map_or_else(|| json!({}), |id| json!({ "x-request-id": id })),
        }
    }
}

/// The JSON text of a message, which nobody here has to look into.
fn json_text(message: &impl Serialize) -> String {
    #[expect(
        clippy::expect_used,
        reason = "our messages hold nothing that JSON cannot"
    )]
    serde_json::to_string(message).expect("a message is JSON")
}

/// Writes messages in the caller's transaction and wakes the relay on commit.
pub(crate) async fn say(conn: &mut Connection, messages: Vec<Outgoing>) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Uuid> = Vec::with_capacity(messages.len());
    let mut routes: Vec<&str> = Vec::with_capacity(messages.len());
    let (mut keys, mut subjects) = (Vec::new(), Vec::new());
    let (mut bodies, mut headers) = (Vec::new(), Vec::new());
    for message in messages {
        ids.push(message.id.0);
        routes.push(match message.route {
            OutgoingRoute::Command => "command",
            OutgoingRoute::Event => "event",
        });
        keys.push(message.key);
        subjects.push(message.subject);
        bodies.push(message.body);
        headers.push(message.headers.to_string());
    }
    sql_query(format!(
        "WITH said AS (INSERT INTO outbox (id, route, key, subject, body, headers) \
           SELECT id, route, key, subject, body::jsonb, headers::jsonb \
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) \
             AS m (id, route, key, subject, body, headers)) \
         SELECT pg_notify('{OUTBOX_CHANNEL}', '')"
    ))
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(routes)
    .bind::<Array<Text>, _>(keys)
    .bind::<Array<Text>, _>(subjects)
    .bind::<Array<Text>, _>(bodies)
    .bind::<Array<Text>, _>(headers)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    route: String,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Jsonb)]
    body: Value,
    #[diesel(sql_type = Jsonb)]
    headers: Value,
}

#[derive(QueryableByName)]
struct Lag {
    #[diesel(sql_type = BigInt)]
    waiting: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    oldest: Option<chrono::DateTime<chrono::Utc>>,
}

impl Store {
    /// Says an event that stands for itself.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is said then.
    pub async fn event_say(&self, event: Event) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        say(&mut conn, vec![Outgoing::event(event)]).await
    }

    /// The oldest unpublished messages, in order.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn outbox_unpublished(&self, limit: i64) -> Result<Vec<Outgoing>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<Row> = sql_query(
            "SELECT seq, id, route, key, subject, body, headers FROM outbox \
             WHERE published_at IS NULL ORDER BY seq LIMIT $1",
        )
        .bind::<BigInt, _>(limit)
        .load(&mut conn)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Outgoing {
                seq: row.seq,
                id: MessageId(row.id),
                route: if row.route == "command" {
                    OutgoingRoute::Command
                } else {
                    OutgoingRoute::Event
                },
                key: row.key,
                subject: row.subject,
                body: row.body.to_string(),
                headers: row.headers,
            })
            .collect())
    }

    /// Marks messages as published, after the broker confirmed them.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; the messages are published again then.
    pub async fn outbox_published(&self, seqs: &[i64]) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query("UPDATE outbox SET published_at = now() WHERE seq = ANY($1)")
            .bind::<Array<BigInt>, _>(seqs)
            .execute(&mut conn)
            .await?;
        Ok(())
    }

    /// How many messages wait, and since when the oldest one does.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn outbox_lag(
        &self,
    ) -> Result<(i64, Option<chrono::DateTime<chrono::Utc>>), StoreError> {
        let mut conn = self.conn().await?;
        let lag: Lag = sql_query(
            "SELECT count(*) AS waiting, min(created_at) AS oldest FROM outbox WHERE published_at IS NULL",
        )
        .get_result(&mut conn)
        .await?;
        Ok((lag.waiting, lag.oldest))
    }
}

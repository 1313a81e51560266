//! Signing secrets replaced, so that none is lost: neither one whose overlap was promised, nor
//! one whose answer did not arrive.

use super::change::{note, shown};
use super::{MOMENT_AGO, WebhookRow, find};
use crate::admin_audit;
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, TimeDelta, Utc};
use common::types::admin::AdminEvent;
use common::types::caller::Actor;
use common::types::id::WebhookId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::json;

/// What came of the wish to replace a signing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// It is replaced.
    Replaced,
    /// The same actor had it replaced by the same wish a moment ago: by this one, sealed.
    Repeated(String),
    /// Nothing is changed: until then the secret before the present one was promised to sign.
    Overlaps(DateTime<Utc>),
}

/// When the wish comes, and when the same actor replaced the webhook's secret a moment ago.
#[derive(QueryableByName)]
struct Moments {
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
    #[diesel(sql_type = Array<Timestamptz>)]
    own: Vec<DateTime<Utc>>,
}

impl Store {
    /// Replaces the signing secret of a webhook by a sealed one; the present one signs too for
    /// so long.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn webhook_rotate(
        &self,
        id: WebhookId,
        secret: String,
        overlap: TimeDelta,
        actor: &Actor,
    ) -> Result<Rotated, StoreError> {
        let actor = actor.clone();
        admin_audit::change(self, |conn| {
            async move {
                let before = find(conn, id, "FOR UPDATE OF w").await?;
                let moments = moments(conn, id, &actor).await?;
                let rotated = decide(&before, overlap, &moments);
                if rotated == Rotated::Replaced {
                    replace(conn, id, &secret, overlap).await?;
                    let details = json!({
                        "webhook_id": before.id, "before": shown(&before), "after": shown(&before),
                        "secret": "changed",
                    });
                    note(conn, AdminEvent::WebhookChanged, details, &actor).await?;
                }
                Ok(rotated)
            }
            .boxed()
        })
        .await
    }
}

/// The trail's line and the overlap begin at the same moment, that of the transaction: an
/// overlap that began with a rotation of the actor's own, and is as long as this one, is its.
fn decide(row: &WebhookRow, overlap: TimeDelta, moments: &Moments) -> Rotated {
    match (row.previous_secret_until, &row.secret) {
        (Some(until), Some(secret)) if moments.own.contains(&(until - overlap)) => {
            Rotated::Repeated(secret.clone())
        }
        (Some(until), _) if until > moments.now && !overlap.is_zero() => Rotated::Overlaps(until),
        _ => Rotated::Replaced,
    }
}

async fn moments(
    conn: &mut Connection,
    id: WebhookId,
    actor: &Actor,
) -> Result<Moments, StoreError> {
    let own = format!(
        "SELECT now() AS now, ARRAY( \
           SELECT created_at FROM admin_audit \
           WHERE event_type = $1 AND actor = $2 AND created_at > {MOMENT_AGO} \
             AND details->>'webhook_id' = $3 AND details->>'secret' = 'changed') AS own"
    );
    Ok(sql_query(own)
        .bind::<Text, _>(AdminEvent::WebhookChanged.as_str())
        .bind::<Text, _>(actor.name())
        .bind::<Text, _>(id.to_string())
        .get_result(conn)
        .await?)
}

async fn replace(
    conn: &mut Connection,
    id: WebhookId,
    secret: &str,
    overlap: TimeDelta,
) -> Result<(), StoreError> {
    sql_query(
        "UPDATE webhooks SET previous_secret = secret, secret = $2, revision = revision + 1, updated_at = now(), \
           previous_secret_until = now() + make_interval(secs => $3) \
         WHERE id = $1",
    )
    .bind::<SqlUuid, _>(id.0)
    .bind::<Text, _>(secret)
    .bind::<BigInt, _>(overlap.num_seconds())
    .execute(conn)
    .await?;
    Ok(())
}

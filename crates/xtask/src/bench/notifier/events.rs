//! Events: said in the outbox, as services say them, or laid where matching puts them.

use anyhow::{Context, Result};
use tokio_postgres::Client;

/// The type of all events here.
const TYPE: &str = "panel.server.updated";

/// A `CloudEvent` as PostgreSQL makes it of the columns `id`, `subject` and `n`, which finds
/// its event again, and `channel`, which tells webhooks apart.
fn cloud_event() -> String {
    format!(
        "jsonb_build_object('specversion', '1.0', 'id', id, 'source', '/nodebyte/sync', \
           'type', '{TYPE}', 'subject', subject, 'time', to_json(now()), \
           'datacontenttype', 'application/json', 'data', jsonb_build_object( \
             'panel_id', '01989f2e-5a43-7c11-9d5e-2f1f0a6b7c8d', 'remote_id', n, \
             'changed', jsonb_build_array('name', 'memory'), 'n', n, 'channel', channel))"
    )
}

/// Says the events with these numbers, about so many subjects in turn, in one transaction.
pub(crate) async fn say(client: &Client, first: i64, last: i64, subjects: i64) -> Result<()> {
    let source = "SELECT gen_random_uuid() AS id, n, 'server-' || n % $3::bigint AS subject, '' AS channel \
         FROM generate_series($1::bigint, $2::bigint) AS n";
    say_all(client, source, &[&first, &last, &subjects]).await
}

/// Says one event for each row of `source` (`id`, `subject`, `n`, `channel`), in the order of `n`.
pub(crate) async fn say_all(
    client: &Client,
    source: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<()> {
    let statement = format!(
        "WITH e AS MATERIALIZED ({source}), said AS ( \
           INSERT INTO outbox (id, route, key, subject, body) \
           SELECT id, 'event', '{TYPE}', subject, {} FROM e ORDER BY n) \
         SELECT pg_notify('nodebyte_outbox', '')",
        cloud_event()
    );
    client
        .execute(&statement, parameters)
        .await
        .context("saying events")?;
    Ok(())
}

/// Lays so many events for every webhook there is, as matched: the rows of before go.
pub(crate) async fn lay(client: &Client, events: i64, subjects: i64) -> Result<()> {
    client
        .batch_execute("TRUNCATE delivery_attempts, delivery_lanes, deliveries, delivery_events")
        .await
        .context("forgetting deliveries")?;
    let laid = format!(
        "INSERT INTO delivery_events (id, event_type, subject, body) \
         SELECT id, '{TYPE}', subject, ({})::text FROM ( \
           SELECT gen_random_uuid() AS id, n, 'server-' || n % $2::bigint AS subject, '' AS channel \
           FROM generate_series(1, $1::bigint) AS n OFFSET 0) e ORDER BY n",
        cloud_event()
    );
    client
        .execute(&laid, &[&events, &subjects])
        .await
        .context("laying events")?;
    // Ids grow with time, as those of the product do.
    client
        .batch_execute(
            "INSERT INTO deliveries (id, webhook_id, event_id, lane) \
             SELECT overlay(gen_random_uuid()::text PLACING lpad(to_hex(place), 8, '0') FROM 1 FOR 8)::uuid, \
                    webhook, event, lane \
             FROM (SELECT w.id AS webhook, e.id AS event, 'key:' || e.subject AS lane, \
                          row_number() OVER (ORDER BY (e.body::jsonb #>> '{data,n}')::bigint, w.id) AS place \
                   FROM delivery_events e CROSS JOIN webhooks w) d ORDER BY place; \
             INSERT INTO delivery_lanes (webhook_id, lane, due_at) \
             SELECT DISTINCT webhook_id, lane, now() FROM deliveries; \
             ANALYZE; CHECKPOINT",
        )
        .await
        .context("laying deliveries")
}

/// The bodies of the events that [`lay`] has laid, in their order, a line each.
pub(crate) async fn bodies(client: &Client) -> Result<String> {
    let query = "SELECT string_agg(body, E'\\n' ORDER BY (body::jsonb #>> '{data,n}')::bigint) FROM delivery_events";
    let row = client.query_one(query, &[]).await;
    Ok(row.context("reading the bodies")?.try_get(0)?)
}

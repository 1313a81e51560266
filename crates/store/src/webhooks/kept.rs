//! What was kept for a webhook while it was disabled.

use crate::deliveries::lock_all;
use crate::error::StoreError;
use crate::pool::Connection;
use common::types::id::WebhookId;
use diesel::sql_query;
use diesel::sql_types::{Double, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

/// What becomes of that when it is enabled again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kept {
    /// It is sent, the oldest first, whatever was waited for before.
    Send {
        /// So many a second at most, above 0; without it as fast as it is taken.
        per_second: Option<f64>,
    },
    /// It is dropped.
    Drop,
}

/// Does so in the caller's transaction, which holds the webhook's row. What a sender has in
/// hand at this moment is sent. All its lanes are locked meanwhile, and senders that have to
/// write what became of them wait: the caller's timeout of statements is what bounds that.
pub(super) async fn release(
    conn: &mut Connection,
    id: WebhookId,
    kept: Kept,
) -> Result<(), StoreError> {
    lock_all(conn, id.0).await?;
    match kept {
        Kept::Drop => {
            sql_query(DROP)
                .bind::<SqlUuid, _>(id.0)
                .execute(conn)
                .await?;
            sql_query("DELETE FROM delivery_lanes WHERE webhook_id = $1 AND holder IS NULL")
                .bind::<SqlUuid, _>(id.0)
                .execute(conn)
                .await?;
        }
        Kept::Send { per_second } => {
            let moved = match per_second {
                Some(per_second) => {
                    let spread = sql_query(SPREAD).bind::<SqlUuid, _>(id.0);
                    spread.bind::<Double, _>(per_second).execute(conn).await?
                }
                None => {
                    let now = sql_query(NOW).bind::<SqlUuid, _>(id.0);
                    now.execute(conn).await?
                }
            };
            if moved > 0 {
                sql_query(DUE)
                    .bind::<SqlUuid, _>(id.0)
                    .execute(conn)
                    .await?;
            }
        }
    }
    Ok(())
}

/// All that waits, without what a sender may have in hand.
const DROP: &str = "
UPDATE deliveries d SET state = 'dropped', finished_at = now(), reason = 'dropped when the webhook was enabled'
FROM (SELECT d.id, l.holder, row_number() OVER (PARTITION BY d.lane ORDER BY d.seq) AS place
      FROM deliveries d JOIN delivery_lanes l ON l.webhook_id = d.webhook_id AND l.lane = d.lane
      WHERE d.webhook_id = $1 AND d.state = 'pending') w
WHERE d.id = w.id AND (w.holder IS NULL OR w.place > 10)";

/// All that waits, in order. When what a sender has in hand is due, is said anew with what
/// becomes of it.
const SPREAD: &str = "
UPDATE deliveries d SET due_at = now() + make_interval(secs => w.turn / $2)
FROM (SELECT id, row_number() OVER (ORDER BY seq) - 1 AS turn
      FROM deliveries WHERE webhook_id = $1 AND state = 'pending') w
WHERE d.id = w.id";

const NOW: &str = "
UPDATE deliveries SET due_at = now() WHERE webhook_id = $1 AND state = 'pending' AND due_at > now()";

/// A lane is due when its oldest delivery is.
const DUE: &str = "
UPDATE delivery_lanes l SET due_at = n.due_at
FROM (SELECT DISTINCT ON (lane) lane, due_at FROM deliveries
      WHERE webhook_id = $1 AND state = 'pending' ORDER BY lane, seq) n
WHERE l.webhook_id = $1 AND l.lane = n.lane AND l.holder IS NULL AND l.due_at <> n.due_at";

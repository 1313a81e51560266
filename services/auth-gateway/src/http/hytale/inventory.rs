//! Which game sessions count against Hytale's limit.

use actix_web::web::{Data, Json, Query};
use chrono::{DateTime, Utc};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use serde::{Deserialize, Serialize};
use store::{CountedSession, SessionCount};
use uuid::Uuid;

use super::failure::of_custody;
use crate::auth::{Needs, UseHytale};
use crate::http::failure::Failure;
use crate::http::page::{Cursor, given, limit};
use crate::state::State;

/// Which sessions are wanted.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct InventoryChoice {
    /// Only of this account: your name for it, or Hytale's id.
    pub account_id: Option<String>,
    /// How many, 1 to 1000; without it 100.
    pub limit: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Some sessions, and how their accounts stand.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct SessionInventory {
    /// Always true.
    success: bool,
    /// The accounts that have one of these sessions, with all that count.
    accounts: Vec<AccountSessions>,
    /// By account.
    sessions: Vec<InventorySession>,
    /// `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// How many sessions an account has.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct AccountSessions {
    /// Hytale's id.
    account_id: Uuid,
    /// Those that are active.
    active: i64,
    /// Those that Hytale may hold though its answer was lost; each counts for an hour.
    lost: i64,
    /// How many Hytale allows; null: any number.
    limit: Option<u32>,
    /// How many can be made yet; null: any number.
    remaining: Option<i64>,
}

/// A session that counts. Its tokens are not shown.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct InventorySession {
    /// Our id of it.
    session_id: Uuid,
    /// Hytale's id of its account.
    account_id: Uuid,
    /// For which profile.
    profile_id: Uuid,
    /// For which server, by our id.
    server_id: Option<Uuid>,
    /// `active`, or `lost`: Hytale may hold it though its answer was lost.
    state: String,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When its tokens end.
    expires_at: Option<DateTime<Utc>>,
}

/// Lists the game sessions that count against Hytale's limit
///
/// Those of your accounts; with scope `hytale:all`, of every account.
#[api_v2_operation(tags(Hytale))]
pub async fn list(
    caller: Needs<UseHytale>,
    query: Query<InventoryChoice>,
    state: Data<State>,
) -> Result<Json<SessionInventory>, Failure<400, 404>> {
    let limit = limit(given(&query.limit))?;
    let after = Cursor::<Uuid, Uuid>::read("cursor", given(&query.cursor))?;
    let caller = caller.custody();
    let account = match given(&query.account_id) {
        Some(name) => Some(
            state
                .custody
                .resolve(&caller, name)
                .await
                .map_err(of_custody)?,
        ),
        None => None,
    };
    let inventory = state
        .custody
        .inventory(&caller, account, after, limit)
        .await;
    let inventory = inventory.map_err(of_custody)?;
    let is_full = i64::try_from(inventory.sessions.len()).is_ok_and(|rows| rows == limit);
    let last = inventory.sessions.last().filter(|_| is_full);
    let allowed = state.config.hytale.session_limit;
    let allowed = (allowed > 0).then_some(allowed);
    Ok(Json(SessionInventory {
        success: true,
        next_cursor: last.map(|row| Cursor(row.account_id, row.id).to_string()),
        accounts: inventory
            .accounts
            .into_iter()
            .map(|count| AccountSessions::of(count, allowed))
            .collect(),
        sessions: inventory
            .sessions
            .into_iter()
            .map(InventorySession::from)
            .collect(),
    }))
}

impl AccountSessions {
    fn of(count: SessionCount, allowed: Option<u32>) -> Self {
        let used = count.active + count.lost;
        Self {
            account_id: count.account_id,
            active: count.active,
            lost: count.lost,
            limit: allowed,
            // Hytale itself may count otherwise, and then there are more than it allows.
            remaining: allowed.map(|allowed| (i64::from(allowed) - used).max(0)),
        }
    }
}

impl From<CountedSession> for InventorySession {
    fn from(row: CountedSession) -> Self {
        Self {
            session_id: row.id,
            account_id: row.account_id,
            profile_id: row.profile_id,
            server_id: row.server_id,
            state: if row.lost { "lost" } else { "active" }.to_owned(),
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remains_is_never_less_than_nothing() {
        let of = |active, lost, allowed| {
            let count = SessionCount {
                account_id: Uuid::nil(),
                active,
                lost,
            };
            AccountSessions::of(count, allowed).remaining
        };
        assert_eq!(of(3, 1, Some(100)), Some(96));
        assert_eq!(of(100, 1, Some(100)), Some(0));
        assert_eq!(of(1000, 0, None), None);
    }
}

//! Links between accounts and panel users. A sync makes links, never accounts.

use crate::error::StoreError;
use crate::pool::Store;
use crate::tasks::{TaskLease, lock_task};
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

/// What linking did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct LinkReport {
    /// New links.
    #[diesel(sql_type = BigInt)]
    pub linked: i64,
    /// Addresses that were not linked.
    #[diesel(sql_type = BigInt)]
    pub conflicts: i64,
}

/// Who an account is on a panel, as the panel says.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct PanelIdentity {
    /// The panel.
    #[diesel(sql_type = SqlUuid)]
    pub panel_id: Uuid,
    /// The panel's id of the user (`pterodactylId` of the older API).
    #[diesel(sql_type = BigInt)]
    pub remote_id: i64,
    /// Whether the panel counts the user among its administrators.
    #[diesel(sql_type = Bool)]
    pub is_admin: bool,
}

/// An address that looks like one person and links nothing.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct LinkConflict {
    /// The panel.
    #[diesel(sql_type = SqlUuid)]
    pub panel_id: Uuid,
    /// The address, lower case.
    #[diesel(sql_type = Text)]
    pub email: String,
    /// Why it was not linked.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// Accounts with the address.
    #[diesel(sql_type = Array<Text>)]
    pub user_ids: Vec<String>,
    /// Panel users with the address.
    #[diesel(sql_type = Array<SqlUuid>)]
    pub panel_user_ids: Vec<Uuid>,
    /// When it was found last.
    #[diesel(sql_type = Timestamptz)]
    pub detected_at: DateTime<Utc>,
}

impl Store {
    /// Links accounts and panel users of one panel: where exactly one live panel
    /// user and exactly one active, verified account have the same address but
    /// for case, and neither is linked on that panel. Everything else with the
    /// same address on both sides is recorded as a conflict. Links that stand
    /// are not touched, whatever becomes of addresses.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn link_accounts(&self, lease: &TaskLease) -> Result<LinkReport, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            Ok(sql_query(LINK)
                .bind::<SqlUuid, _>(lease.panel_id.0)
                .get_result(conn)
                .await?)
        })
        .await
    }

    /// Who an account is on the panels that it is linked on, read through the
    /// links: an account keeps no copy, so that whom a panel removes or demotes is
    /// nobody there, or no administrator, at once.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn panel_identities(&self, user: &str) -> Result<Vec<PanelIdentity>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT p.panel_id, p.remote_id, p.root_admin AS is_admin \
             FROM user_links l JOIN panel_users p ON p.id = l.panel_user_id \
             WHERE l.user_id = $1 AND p.removed_at IS NULL AND p.remote_id IS NOT NULL \
             ORDER BY p.panel_id",
        )
        .bind::<Text, _>(user)
        .load(&mut conn)
        .await?)
    }

    /// The recorded conflicts.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn link_conflicts(&self) -> Result<Vec<LinkConflict>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT panel_id, email, reason, user_ids, panel_user_ids, detected_at FROM link_conflicts \
             ORDER BY panel_id, email",
        )
        .load(&mut conn)
        .await?)
    }
}

/// $1 panel.
const LINK: &str = "
WITH people AS (
    SELECT lower(p.email) AS email, array_agg(p.id ORDER BY p.id) AS panel_user_ids,
           bool_or(EXISTS (SELECT 1 FROM user_links l WHERE l.panel_user_id = p.id)) AS linked
    FROM panel_users p WHERE p.panel_id = $1 AND p.removed_at IS NULL GROUP BY lower(p.email)
), accounts AS (
    SELECT lower(u.email) AS email, array_agg(u.id ORDER BY u.id) AS user_ids,
           bool_and(u.is_active AND u.email_verified_at IS NOT NULL) AS usable,
           bool_or(EXISTS (SELECT 1 FROM user_links l WHERE l.user_id = u.id AND l.panel_id = $1)) AS linked
    FROM users u GROUP BY lower(u.email)
), pairs AS (
    SELECT p.email, p.panel_user_ids, a.user_ids,
           CASE WHEN cardinality(p.panel_user_ids) > 1 THEN 'several panel users have the address'
                WHEN cardinality(a.user_ids) > 1 THEN 'several accounts have the address'
                WHEN NOT a.usable THEN 'the account is not active or its address is not verified'
                WHEN p.linked THEN 'the panel user is linked to another account'
                WHEN a.linked THEN 'the account is linked to another panel user'
           END AS reason
    FROM people p JOIN accounts a USING (email)
    WHERE NOT (cardinality(p.panel_user_ids) = 1 AND cardinality(a.user_ids) = 1 AND EXISTS (
        SELECT 1 FROM user_links l WHERE l.panel_user_id = p.panel_user_ids[1] AND l.user_id = a.user_ids[1]))
), linked AS (
    INSERT INTO user_links (panel_id, user_id, panel_user_id)
    SELECT $1, user_ids[1], panel_user_ids[1] FROM pairs WHERE reason IS NULL
    ON CONFLICT DO NOTHING RETURNING 1
), resolved AS (
    DELETE FROM link_conflicts c WHERE c.panel_id = $1
      AND NOT EXISTS (SELECT 1 FROM pairs p WHERE p.email = c.email AND p.reason IS NOT NULL)
), conflicts AS (
    INSERT INTO link_conflicts AS c (panel_id, email, reason, user_ids, panel_user_ids)
    SELECT $1, email, reason, user_ids, panel_user_ids FROM pairs WHERE reason IS NOT NULL
    ON CONFLICT (panel_id, email) DO UPDATE SET reason = excluded.reason, user_ids = excluded.user_ids,
        panel_user_ids = excluded.panel_user_ids, detected_at = now()
    WHERE (c.reason, c.user_ids, c.panel_user_ids)
        IS DISTINCT FROM (excluded.reason, excluded.user_ids, excluded.panel_user_ids)
    RETURNING 1
)
SELECT (SELECT count(*) FROM linked) AS linked,
       (SELECT count(*) FROM pairs WHERE reason IS NOT NULL) AS conflicts";

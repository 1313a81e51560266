//! Users: who they are, what they may do, and since when their tokens count.

use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::admin::AdminEvent;
use common::types::caller::{Actor, Principal};
use common::types::user::Role;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::json;

/// A user to make.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// 1 to 64 characters; ids of an earlier website are kept.
    pub id: String,
    /// The address, unique without regard to case.
    pub email: String,
    /// What the user is called.
    pub username: Option<String>,
    /// What the user is to the host.
    pub roles: Vec<Role>,
    /// Whether the address is known to be the user's, so that a sync may link the
    /// user to the panel user of the same address.
    pub is_verified: bool,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct UserRow {
    /// The id, opaque.
    #[diesel(sql_type = Text)]
    pub id: String,
    /// The address.
    #[diesel(sql_type = Text)]
    pub email: String,
    /// What the user is called.
    #[diesel(sql_type = Nullable<Text>)]
    pub username: Option<String>,
    /// What the user is to the host.
    #[diesel(sql_type = Array<Text>)]
    pub roles: Vec<String>,
    /// Whether the user may use the installation.
    #[diesel(sql_type = Bool)]
    pub is_active: bool,
    /// Tokens made before, or in the same second, are refused.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub tokens_valid_from: Option<DateTime<Utc>>,
    /// When the user was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

/// What became of a wish for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserOutcome {
    /// Made.
    Created(UserRow),
    /// Another user has this id or this address.
    Taken,
}

/// What can be changed about a user that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// Whether the user may use the installation.
    Active(bool),
    /// All roles of the user.
    Roles(Vec<Role>),
    /// No token that the user has now counts any longer.
    RevokeTokens,
}

const COLUMNS: &str = "id, email, username, roles, is_active, tokens_valid_from, created_at";

impl Store {
    /// Makes a user, and says so in the trail.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn user_create(
        &self,
        new: &NewUser,
        actor: &Actor,
    ) -> Result<UserOutcome, StoreError> {
        let (new, actor) = (new.clone(), actor.clone());
        admin_audit::change(self, |conn| {
            async move {
                let made: Vec<UserRow> = sql_query(format!(
                    "INSERT INTO users (id, email, username, roles, email_verified_at) \
                 VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN now() END) \
                 ON CONFLICT DO NOTHING RETURNING {COLUMNS}"
                ))
                .bind::<Text, _>(&new.id)
                .bind::<Text, _>(&new.email)
                .bind::<Nullable<Text>, _>(new.username.as_deref())
                .bind::<Array<Text>, _>(words(&new.roles))
                .bind::<Bool, _>(new.is_verified)
                .load(conn)
                .await?;
                let Some(row) = made.into_iter().next() else {
                    return Ok(UserOutcome::Taken);
                };
                let line = line(AdminEvent::UserCreated, &row);
                admin_audit::append(conn, &line, &actor).await?;
                Ok(UserOutcome::Created(row))
            }
            .boxed()
        })
        .await
    }

    /// All users, by address.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        let mut conn = self.conn().await?;
        let all = format!("SELECT {COLUMNS} FROM users ORDER BY lower(email), id");
        Ok(sql_query(all).load(&mut conn).await?)
    }

    /// The user of this id or address.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn user(&self, named: &str) -> Result<UserRow, StoreError> {
        find(&mut *self.conn().await?, named, "").await
    }

    /// Changes a user, and says so in the trail if it was another before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn user_change(
        &self,
        named: &str,
        change: &UserChange,
        actor: &Actor,
    ) -> Result<UserRow, StoreError> {
        let (named, change, actor) = (named.to_owned(), change.clone(), actor.clone());
        admin_audit::change(self, |conn| {
            async move {
            let before = find(conn, &named, "FOR UPDATE").await?;
            let mut after = before.clone();
            let event = match change {
                UserChange::Active(active) => {
                    after.is_active = active;
                    match active {
                        true => AdminEvent::UserEnabled,
                        false => AdminEvent::UserDisabled,
                    }
                }
                UserChange::Roles(roles) => {
                    after.roles = words(&roles);
                    AdminEvent::UserRolesChanged
                }
                UserChange::RevokeTokens => AdminEvent::UserTokensRevoked,
            };
            let revoke = event == AdminEvent::UserTokensRevoked;
            if after == before && !revoke {
                return Ok(before);
            }
            let rows: Vec<UserRow> = sql_query(format!(
                "UPDATE users SET is_active = $2, roles = $3, updated_at = now(), tokens_valid_from = \
                   CASE WHEN $4 THEN clock_timestamp() ELSE tokens_valid_from END \
                 WHERE id = $1 RETURNING {COLUMNS}"
            ))
            .bind::<Text, _>(&after.id)
            .bind::<Bool, _>(after.is_active)
            .bind::<Array<Text>, _>(&after.roles)
            .bind::<Bool, _>(revoke)
            .load(conn)
            .await?;
            let row = rows.into_iter().next().unwrap_or(after);
            if revoke {
                // Whatever clock a token was made by.
                sql_query(
                    "UPDATE access_tokens SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL",
                )
                .bind::<Text, _>(&row.id)
                .execute(conn)
                .await?;
            }
            let mut line = line(event, &row);
            if event == AdminEvent::UserRolesChanged {
                line.details["roles_before"] = json!(before.roles);
            }
            admin_audit::append(conn, &line, &actor).await?;
            Ok(row)
            }
            .boxed()
        })
        .await
    }
}

/// The user of this id or address; an id comes first.
pub(crate) async fn find(
    conn: &mut Connection,
    named: &str,
    lock: &str,
) -> Result<UserRow, StoreError> {
    let rows: Vec<UserRow> = sql_query(format!(
        "SELECT {COLUMNS} FROM users WHERE id = $1 OR lower(email) = lower($1) \
         ORDER BY id = $1 DESC LIMIT 1 {lock}"
    ))
    .bind::<Text, _>(named)
    .load(conn)
    .await?;
    rows.into_iter().next().ok_or(StoreError::NotFound("user"))
}

fn words(roles: &[Role]) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

fn line(event: AdminEvent, row: &UserRow) -> NewAdminLine {
    NewAdminLine {
        event,
        subject: Some(Principal::User(row.id.clone())),
        details: json!({ "roles": row.roles, "active": row.is_active }),
    }
}

//! `nodebyte user`.

use crate::arguments::User;
use crate::failure::Failure;
use crate::given;
use crate::output::{Table, time};
use crate::session::{Session, actor};
use chrono::{DateTime, Utc};
use common::types::user::Role;
use serde::Serialize;
use std::process::ExitCode;
use store::{NewUser, StoreError, UserChange, UserOutcome, UserRow};
use uuid::Uuid;

#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    email: &'a str,
    username: Option<&'a str>,
    roles: &'a [String],
    active: bool,
    tokens_valid_from: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl<'a> View<'a> {
    fn of(row: &'a UserRow) -> Self {
        Self {
            id: &row.id,
            email: &row.email,
            username: row.username.as_deref(),
            roles: &row.roles,
            active: row.is_active,
            tokens_valid_from: row.tokens_valid_from,
            created_at: row.created_at,
        }
    }
}

pub async fn run(session: &Session<'_>, command: &User) -> Result<ExitCode, Failure> {
    match command {
        User::Create {
            email,
            username,
            roles,
            id,
            unverified,
        } => {
            let new = NewUser {
                id: id.clone().unwrap_or_else(|| Uuid::new_v4().to_string()),
                email: email.clone(),
                username: username.clone(),
                roles: distinct(roles),
                is_verified: !unverified,
            };
            create(session, &new).await
        }
        User::List => list(session).await,
        User::Roles { user, roles } => {
            let change = UserChange::Roles(distinct(roles));
            let row = change_user(session, user, &change).await?;
            session.output.show(&View::of(&row), || {
                format!("{} is now {}.", row.email, row.roles.join(", "))
            })
        }
        User::Disable { user } => {
            let row = change_user(session, user, &UserChange::Active(false)).await?;
            session.output.show(&View::of(&row), || {
                format!(
                    "Disabled {}. Tokens are refused within a second.",
                    row.email
                )
            })
        }
        User::Enable { user } => {
            let row = change_user(session, user, &UserChange::Active(true)).await?;
            session
                .output
                .show(&View::of(&row), || format!("Enabled {}.", row.email))
        }
        User::Logout { user } => {
            let row = change_user(session, user, &UserChange::RevokeTokens).await?;
            session.output.show(&View::of(&row), || {
                format!("Revoked every token of {}.", row.email)
            })
        }
    }
}

async fn create(session: &Session<'_>, new: &NewUser) -> Result<ExitCode, Failure> {
    given::address(&new.email)?;
    given::user_id(&new.id)?;
    if let Some(username) = &new.username {
        given::name("a user", username)?;
    }
    let UserOutcome::Created(row) = session.store.user_create(new, &actor()).await? else {
        return Err(Failure::Refused(
            "a user of this id or address is there already".to_owned(),
        ));
    };
    session.output.show(&View::of(&row), || {
        format!(
            "Made user {} ({}), {}.",
            row.id,
            row.email,
            row.roles.join(", ")
        )
    })
}

async fn list(session: &Session<'_>) -> Result<ExitCode, Failure> {
    let rows = session.store.users().await?;
    let views: Vec<View<'_>> = rows.iter().map(View::of).collect();
    session.output.show(&views, || {
        let mut table = Table::new(["EMAIL", "ROLES", "STATE", "TOKENS FROM", "ID"]);
        for row in &rows {
            let state = if row.is_active { "active" } else { "disabled" };
            table.row([
                row.email.clone(),
                row.roles.join(","),
                state.to_owned(),
                time(row.tokens_valid_from),
                row.id.clone(),
            ]);
        }
        table.or("No users.")
    })
}

async fn change_user(
    session: &Session<'_>,
    user: &str,
    change: &UserChange,
) -> Result<UserRow, Failure> {
    let changed = session.store.user_change(user, change, &actor()).await;
    named(user, changed)
}

/// The user of this id or address.
pub async fn find(session: &Session<'_>, user: &str) -> Result<UserRow, Failure> {
    named(user, session.store.user(user).await)
}

fn named(user: &str, found: Result<UserRow, StoreError>) -> Result<UserRow, Failure> {
    match found {
        Err(StoreError::NotFound(what)) => Err(Failure::NotFound {
            what,
            name: user.to_owned(),
        }),
        found => Ok(found?),
    }
}

fn distinct(roles: &[Role]) -> Vec<Role> {
    let mut roles = roles.to_vec();
    roles.sort();
    roles.dedup();
    roles
}

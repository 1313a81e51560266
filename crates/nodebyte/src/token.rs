//! `nodebyte token`.

use crate::arguments::Token;
use crate::failure::Failure;
use crate::output::{Table, time};
use crate::session::{Session, actor};
use crate::user;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use common::crypto::bearer::NewToken;
use reach::signing::{self, SigningError};
use secrecy::ExposeSecret;
use serde::Serialize;
use std::process::ExitCode;
use store::{AccessTokenRow, NewAccessToken, SigningKeyRow, StoreError};
use uuid::Uuid;

#[derive(Serialize)]
struct View<'a> {
    id: Uuid,
    /// Only where it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    user: &'a str,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl<'a> View<'a> {
    fn of(row: &'a AccessTokenRow) -> Self {
        Self {
            id: row.id,
            token: None,
            user: &row.user_id,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        }
    }
}

#[derive(Serialize)]
struct KeyView<'a> {
    id: &'a str,
    state: &'a str,
    created_at: DateTime<Utc>,
    published_until: Option<DateTime<Utc>>,
}

impl<'a> KeyView<'a> {
    fn of(row: &'a SigningKeyRow) -> Self {
        Self {
            id: &row.id,
            state: if row.retired_at.is_some() {
                "retired"
            } else {
                "signs"
            },
            created_at: row.created_at,
            published_until: row.published_until,
        }
    }
}

pub async fn run(session: &Session<'_>, command: &Token) -> Result<ExitCode, Failure> {
    match command {
        Token::Mint { user, hours } => mint(session, user, *hours).await,
        Token::List { user } => list(session, user.as_deref()).await,
        Token::Revoke { id } => revoke(session, *id).await,
        Token::Keys => keys(session).await,
        Token::Rotate => rotate(session).await,
        Token::Drop { key } => drop_key(session, key).await,
    }
}

async fn mint(session: &Session<'_>, user: &str, hours: u16) -> Result<ExitCode, Failure> {
    let user = user::find(session, user).await?;
    if !user.is_active {
        return Err(Failure::Refused(format!(
            "{} is disabled; no token would be taken",
            user.email
        )));
    }
    let issued_at = issued_at(Utc::now(), user.tokens_valid_from);
    let new = NewAccessToken {
        id: Uuid::new_v4(),
        user: user.id,
        issued_at,
        expires_at: issued_at + TimeDelta::hours(i64::from(hours)),
    };
    let key = signing::current(&session.store, session.master_key()?, &actor()).await?;
    let token = key
        .sign(
            &NewToken {
                user: &new.user,
                id: new.id,
                issued_at: new.issued_at,
                expires_at: new.expires_at,
            },
            &session.config.security.realm(),
        )
        .map_err(SigningError::Key)?;
    session.store.access_token_create(&new, &actor()).await?;
    let token = token.expose_secret();
    let view = View {
        id: new.id,
        token: Some(token),
        user: &new.user,
        issued_at: new.issued_at,
        expires_at: new.expires_at,
        revoked_at: None,
    };
    // The one place where the token is shown, because it is nowhere else.
    session.output.show(&view, || {
        format!(
            "{token}\n\nToken {} of {}, valid until {}. It is shown this once.",
            new.id,
            user.email,
            time(Some(new.expires_at))
        )
    })
}

/// The second in which a token is made; the next one, where all tokens of this one are
/// revoked.
fn issued_at(now: DateTime<Utc>, valid_from: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let second = TimeDelta::seconds(1);
    let whole = now.duration_trunc(second).unwrap_or(now);
    match valid_from {
        Some(from) if whole <= from => whole + second,
        _ => whole,
    }
}

async fn list(session: &Session<'_>, user: Option<&str>) -> Result<ExitCode, Failure> {
    let user = match user {
        Some(user) => Some(user::find(session, user).await?.id),
        None => None,
    };
    let rows = session.store.access_tokens(user.as_deref()).await?;
    let views: Vec<View<'_>> = rows.iter().map(View::of).collect();
    session.output.show(&views, || {
        let mut table = Table::new(["ID", "USER", "ISSUED", "EXPIRES", "REVOKED"]);
        for row in &rows {
            table.row([
                row.id.to_string(),
                row.user_id.clone(),
                time(Some(row.issued_at)),
                time(Some(row.expires_at)),
                time(row.revoked_at),
            ]);
        }
        table.or("No tokens.")
    })
}

async fn revoke(session: &Session<'_>, id: Uuid) -> Result<ExitCode, Failure> {
    let row = match session.store.access_token_revoke(id, &actor()).await {
        Err(StoreError::NotFound(what)) => {
            return Err(Failure::NotFound {
                what,
                name: id.to_string(),
            });
        }
        outcome => outcome?,
    };
    session.output.show(&View::of(&row), || {
        format!("Revoked {id}. It is refused within a second.")
    })
}

async fn keys(session: &Session<'_>) -> Result<ExitCode, Failure> {
    let rows = session.store.signing_keys().await?;
    let views: Vec<KeyView<'_>> = rows.iter().map(KeyView::of).collect();
    session.output.show(&views, || {
        let mut table = Table::new(["ID", "STATE", "CREATED", "VERIFIES UNTIL"]);
        for view in &views {
            table.row([
                view.id.to_owned(),
                view.state.to_owned(),
                time(Some(view.created_at)),
                time(view.published_until),
            ]);
        }
        table.or("No signing keys; the first token makes one.")
    })
}

async fn rotate(session: &Session<'_>) -> Result<ExitCode, Failure> {
    let key = signing::rotate(&session.store, session.master_key()?, &actor()).await?;
    let id = key.id().as_str();
    session.output.show(&serde_json::json!({ "id": id }), || {
        format!("Tokens are signed with {id} from now on.")
    })
}

async fn drop_key(session: &Session<'_>, key: &str) -> Result<ExitCode, Failure> {
    match session.store.signing_key_drop(key, &actor()).await {
        Err(StoreError::NotFound(what)) => {
            return Err(Failure::NotFound {
                what,
                name: key.to_owned(),
            });
        }
        outcome => outcome?,
    }
    session.output.show(&serde_json::json!({ "id": key }), || {
        format!("Dropped {key}. Its tokens are refused within a second.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_made_right_after_all_were_revoked_is_not_one_of_them() {
        let second = |at: i64| DateTime::from_timestamp(at, 0).unwrap();
        let half = TimeDelta::milliseconds(500);
        assert_eq!(issued_at(second(10) + half, None), second(10));
        assert_eq!(
            issued_at(second(10) + half, Some(second(9) + half)),
            second(10)
        );
        assert_eq!(issued_at(second(10) + half, Some(second(10))), second(11));
        assert_eq!(
            issued_at(second(10) + half, Some(second(10) + half / 2)),
            second(11)
        );
    }
}

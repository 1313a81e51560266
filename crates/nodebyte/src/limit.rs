//! `nodebyte limit`.

use crate::arguments::{LimitChoice, Limits};
use crate::failure::Failure;
use crate::output::Table;
use crate::session::{Session, operator};
use chrono::{DateTime, SecondsFormat, Utc};
use common::types::caller::{Actor, Principal};
use common::types::limit::Subject;
use runtime::http::counted_as;
use serde::Serialize;
use std::net::IpAddr;
use std::process::ExitCode;
use store::{RateLimitRow, StoreError};
use uuid::Uuid;

#[derive(Serialize)]
struct View<'a> {
    limit: &'a str,
    subject: &'a str,
    client: Option<&'a str>,
    requests: i64,
    updated_at: DateTime<Utc>,
}

impl<'a> View<'a> {
    fn of(row: &'a RateLimitRow) -> Self {
        Self {
            limit: &row.limit_name,
            subject: &row.subject,
            client: row.client.as_deref(),
            requests: row.requests,
            updated_at: row.updated_at,
        }
    }
}

pub async fn run(session: &Session<'_>, command: &Limits) -> Result<ExitCode, Failure> {
    match command {
        Limits::Set { choice, requests } => set(session, choice, *requests).await,
        Limits::List => list(session).await,
        Limits::Unset { choice } => unset(session, choice).await,
    }
}

async fn set(
    session: &Session<'_>,
    choice: &LimitChoice,
    requests: u32,
) -> Result<ExitCode, Failure> {
    let subject = chosen(session, choice).await?;
    let row = session
        .store
        .rate_limit_set(choice.limit, &subject, requests, &actor())
        .await?;
    session.output.show(&View::of(&row), || {
        format!(
            "Limit {} of {} is {} now. Gateways hold to it within seconds.",
            row.limit_name, row.subject, row.requests
        )
    })
}

async fn list(session: &Session<'_>) -> Result<ExitCode, Failure> {
    let rows = session.store.rate_limits().await?;
    let views: Vec<View<'_>> = rows.iter().map(View::of).collect();
    session.output.show(&views, || {
        let mut table = Table::new(["LIMIT", "SUBJECT", "CLIENT", "REQUESTS", "SET"]);
        for row in &rows {
            table.row([
                row.limit_name.clone(),
                row.subject.clone(),
                row.client.clone().unwrap_or_else(|| "-".to_owned()),
                row.requests.to_string(),
                row.updated_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            ]);
        }
        table.or("No limit is set for anybody: the configured ones hold.")
    })
}

async fn unset(session: &Session<'_>, choice: &LimitChoice) -> Result<ExitCode, Failure> {
    let subject = chosen(session, choice).await?;
    let store = &session.store;
    let row = match store
        .rate_limit_unset(choice.limit, &subject, &actor())
        .await
    {
        Err(StoreError::NotFound(what)) => {
            return Err(Failure::NotFound {
                what,
                name: format!("{} of {subject}", choice.limit),
            });
        }
        outcome => outcome?,
    };
    session.output.show(&View::of(&row), || {
        format!(
            "The configured limit {} holds for {} again within seconds.",
            row.limit_name, row.subject
        )
    })
}

/// Whom the words mean, if the limit can be set for them.
async fn chosen(session: &Session<'_>, choice: &LimitChoice) -> Result<Subject, Failure> {
    let subject = match choice.subject.split_once(':') {
        Some(("client", client)) => client_of(session, client).await?,
        _ => said(&choice.subject).ok_or_else(|| {
            Failure::Usage(
                "a subject is service, client:NAME, user:ID, account:UUID or an IP address"
                    .to_owned(),
            )
        })?,
    };
    if choice.limit.is_of(&subject) {
        return Ok(subject);
    }
    Err(Failure::Usage(format!(
        "limit {} does not count {subject}",
        choice.limit
    )))
}

async fn client_of(session: &Session<'_>, client: &str) -> Result<Subject, Failure> {
    match session.store.api_client(client).await {
        Ok(id) => Ok(Subject::Principal(Principal::Client(id))),
        Err(StoreError::NotFound(what)) => Err(Failure::NotFound {
            what,
            name: client.to_owned(),
        }),
        Err(error) => Err(error.into()),
    }
}

/// What needs no looking up.
fn said(subject: &str) -> Option<Subject> {
    if let Some(account) = subject.strip_prefix("account:") {
        return account.parse::<Uuid>().ok().map(Subject::Account);
    }
    if let Ok(address) = subject.parse::<IpAddr>() {
        return Some(Subject::Address(counted_as(address).to_string()));
    }
    subject.parse().ok().map(Subject::Principal)
}

fn actor() -> Actor {
    Actor::Operator(operator())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_named_as_they_are_counted() {
        let text = |subject: &str| said(subject).map(|it| it.to_string());
        let id = "018f0000-0000-7000-8000-000000000001";
        assert_eq!(text("service").as_deref(), Some("service"));
        assert_eq!(text("user:u1").as_deref(), Some("user:u1"));
        assert_eq!(text(&format!("account:{id}")).as_deref(), Some(id));
        assert_eq!(text("192.0.2.1").as_deref(), Some("192.0.2.1/32"));
        assert_eq!(text("2001:db8::7").as_deref(), Some("2001:db8::/64"));
        for wrong in ["", "website", "account:host", "user:", id] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }
}

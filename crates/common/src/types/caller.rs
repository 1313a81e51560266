//! Who asked for something, and from where.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use uuid::Uuid;

/// Who holds rights: owner of accounts, holder of limits. Stored and logged as
/// text: `service`, `client:<id>` or `user:<id>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Principal {
    /// Whoever holds the installation's own key (`BACKEND_API_KEY`).
    Service,
    /// A client with API keys in the database; outlives its keys.
    Client(Uuid),
    /// A user. Ids of users are opaque text.
    User(String),
}

/// The text names no principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a principal is `service`, `client:<uuid>` or `user:<id>`")]
pub struct UnknownPrincipal;

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("service"),
            Self::Client(id) => write!(f, "client:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

impl FromStr for Principal {
    type Err = UnknownPrincipal;

    fn from_str(text: &str) -> Result<Self, UnknownPrincipal> {
        match text.split_once(':') {
            None if text == "service" => Ok(Self::Service),
            Some(("client", id)) => id.parse().map(Self::Client).ok().ok_or(UnknownPrincipal),
            Some(("user", id)) if !id.is_empty() => Ok(Self::User(id.to_owned())),
            _ => Err(UnknownPrincipal),
        }
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}

impl TryFrom<String> for Principal {
    type Error = UnknownPrincipal;

    fn try_from(text: String) -> Result<Self, UnknownPrincipal> {
        text.parse()
    }
}

/// Where a request came from, as an audit trail keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who asked; `None`: nobody that we know, or the system itself.
    pub principal: Option<Principal>,
    /// The caller's address.
    pub ip: Option<IpAddr>,
    /// What the caller says that it runs; cut to 512 characters.
    pub user_agent: Option<String>,
    /// The request's id, as in our logs.
    pub request_id: Option<String>,
}

/// Who changes what only operators and administrators may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Somebody at the command line, by the name that it knows: `cli:<user>`.
    Operator(String),
    /// A caller of the gateway.
    Caller(Origin),
}

impl Actor {
    /// The word that is stored; `system` where a caller has no principal.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Operator(name) => name.clone(),
            Self::Caller(origin) => match &origin.principal {
                Some(principal) => principal.to_string(),
                None => "system".to_owned(),
            },
        }
    }

    /// From where, where it is known.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Operator(_) => None,
            Self::Caller(origin) => Some(origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_reads_back_what_it_writes() {
        let all = [
            Principal::Service,
            Principal::Client(Uuid::now_v7()),
            Principal::User("cm:5".to_owned()),
        ];
        for principal in all {
            assert_eq!(principal.to_string().parse(), Ok(principal));
        }
    }

    #[test]
    fn other_texts_name_no_principal() {
        for text in ["", "root", "client:", "client:7", "user:", "service:1"] {
            assert_eq!(text.parse::<Principal>(), Err(UnknownPrincipal), "{text}");
        }
    }
}

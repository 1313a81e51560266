//! Which rate limits the gateway has, by name, and whose they can be set for.

use super::caller::Principal;
use std::fmt;
use std::str::FromStr;

/// What is limited. Each has buckets of its own, one a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// Every request with an API key, by its client.
    Key,
    /// Every request with a bearer token, by its user.
    Bearer,
    /// Every request without good credentials, by its address.
    Address,
    /// Credentials that one address has tried and that were not good.
    FailedCredentials,
    /// Logins begun by one principal.
    DeviceCode,
    /// Logins begun from one address without credentials.
    StrangersLogins,
    /// Polls of one login that come faster than its interval.
    FastPolls,
    /// Refresh tokens of one account spent on request.
    RefreshToken,
    /// Profiles and game sessions of one account.
    GameSession,
    /// Mails that one principal has sent.
    Mails,
    /// Mails to one address, whoever has them sent.
    MailsToRecipient,
}

/// There is no limit of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "limits are key, bearer, address, failed-credentials, device-code, device-code-by-address, fast-polls, \
     refresh-token, game-session, mails and mails-to-recipient"
)]
pub struct UnknownLimit;

impl Limit {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Key,
        Self::Bearer,
        Self::Address,
        Self::FailedCredentials,
        Self::DeviceCode,
        Self::StrangersLogins,
        Self::FastPolls,
        Self::RefreshToken,
        Self::GameSession,
        Self::Mails,
        Self::MailsToRecipient,
    ];

    /// Names buckets, the policy in `RateLimit-Policy`, and the limit at the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Bearer => "bearer",
            Self::Address => "address",
            Self::FailedCredentials => "failed-credentials",
            Self::DeviceCode => "device-code",
            Self::StrangersLogins => "device-code-by-address",
            Self::FastPolls => "fast-polls",
            Self::RefreshToken => "refresh-token",
            Self::GameSession => "game-session",
            Self::Mails => "mails",
            Self::MailsToRecipient => "mails-to-recipient",
        }
    }

    /// Whether it holds for every request of its subject, whatever it asks for.
    #[must_use]
    pub fn is_general(self) -> bool {
        matches!(self, Self::Key | Self::Bearer | Self::Address)
    }

    /// Whether it can be set for this subject. A limit of accounts, or of logins, that is
    /// set for a principal holds for what that principal asks.
    #[must_use]
    pub fn is_of(self, subject: &Subject) -> bool {
        match (self, subject) {
            (Self::Key, Subject::Principal(Principal::Service | Principal::Client(_)))
            | (Self::Bearer, Subject::Principal(Principal::User(_)))
            | (
                Self::Address | Self::FailedCredentials | Self::StrangersLogins,
                Subject::Address(_),
            )
            | (
                Self::DeviceCode
                | Self::FastPolls
                | Self::RefreshToken
                | Self::GameSession
                | Self::Mails
                | Self::MailsToRecipient,
                Subject::Principal(_),
            )
            | (Self::RefreshToken | Self::GameSession, Subject::Account(_)) => true,
            (_, Subject::Principal(_) | Subject::Account(_) | Subject::Address(_)) => false,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Limit {
    type Err = UnknownLimit;

    fn from_str(text: &str) -> Result<Self, UnknownLimit> {
        Self::ALL
            .into_iter()
            .find(|limit| limit.name() == text)
            .ok_or(UnknownLimit)
    }
}

/// Whose limit it is. Its text names buckets and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A client, a user, or the installation's own key.
    Principal(Principal),
    /// A Hytale account, by Hytale's id.
    Account(uuid::Uuid),
    /// An address, as limits count it: a network in the usual notation.
    Address(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(principal) => principal.fmt(f),
            Self::Account(id) => id.fmt(f),
            Self::Address(network) => f.write_str(network),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_reads_back_what_it_writes() {
        for limit in Limit::ALL {
            assert_eq!(limit.to_string().parse(), Ok(limit));
            assert!(UnknownLimit.to_string().contains(limit.name()));
        }
        assert_eq!("keys".parse::<Limit>(), Err(UnknownLimit));
    }

    #[test]
    fn a_limit_is_set_for_those_whom_it_counts() {
        let client = Subject::Principal(Principal::Client(uuid::Uuid::nil()));
        let user = Subject::Principal(Principal::User("u".to_owned()));
        let account = Subject::Account(uuid::Uuid::nil());
        let address = Subject::Address("192.0.2.1/32".to_owned());
        let of = |subject: &Subject| Limit::ALL.map(|limit| limit.is_of(subject));
        let (yes, no) = (true, false);
        let theirs = [yes, no, no, no, yes, no, yes, yes, yes, yes, yes];
        assert_eq!(of(&client), theirs);
        let theirs = [no, yes, no, no, yes, no, yes, yes, yes, yes, yes];
        assert_eq!(of(&user), theirs);
        let its = [no, no, no, no, no, no, no, yes, yes, no, no];
        assert_eq!(of(&account), its);
        let its = [no, no, yes, yes, no, yes, no, no, no, no, no];
        assert_eq!(of(&address), its);
    }
}

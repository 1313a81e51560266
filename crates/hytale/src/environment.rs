//! Which of the vendor's worlds is meant, and where it is (sections 2 and 9).

use std::fmt;
use std::str::FromStr;
use url::Url;

/// Production and staging share nothing: neither accounts nor tokens nor keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Environment {
    /// `hytale.com`.
    Production,
    /// `arcanitegames.ca`.
    Staging,
}

/// Neither `production` nor `staging`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the environment is `production` or `staging`")]
pub struct UnknownEnvironment;

impl Environment {
    /// `production` or `staging`, as stored and configured.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
        }
    }

    /// Reads what [`as_str`](Self::as_str) writes, in any case.
    ///
    /// # Errors
    ///
    /// [`UnknownEnvironment`] for anything else.
    pub fn parse(text: &str) -> Result<Self, UnknownEnvironment> {
        [Self::Production, Self::Staging]
            .into_iter()
            .find(|known| text.trim().eq_ignore_ascii_case(known.as_str()))
            .ok_or(UnknownEnvironment)
    }

    fn domain(self) -> &'static str {
        match self {
            Self::Production => "hytale.com",
            Self::Staging => "arcanitegames.ca",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = UnknownEnvironment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The vendor's addresses. Each may be set for itself; the defaults are those of an
/// [`Environment`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// OAuth: device flow, tokens, revocation.
    pub oauth: Url,
    /// Account data: the profiles of an account.
    pub account_data: Url,
    /// Game sessions, and the keys that sign their tokens.
    pub sessions: Url,
    /// `iss` of session, identity and join tokens: compared to the letter, so it is
    /// no [`Url`] (which would end in a slash).
    pub session_issuer: String,
    /// `iss` of `id_token`s, without a slash at the end. The vendor's software writes
    /// it with or without, by its configuration; both are accepted.
    pub oauth_issuer: String,
}

impl Hosts {
    /// The addresses of an environment (section 2).
    #[must_use]
    #[expect(clippy::expect_used, reason = "the addresses are constants")]
    pub fn of(environment: Environment) -> Self {
        let domain = environment.domain();
        let oauth_issuer = format!("https://oauth.accounts.{domain}");
        let session_issuer = format!("https://sessions.{domain}");
        let url = |text: &str| Url::parse(text).expect("a constant address");
        Self {
            oauth: url(&oauth_issuer),
            account_data: url(&format!("https://account-data.{domain}")),
            sessions: url(&session_issuer),
            session_issuer,
            oauth_issuer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_read_as_it_is_written() {
        for known in [Environment::Production, Environment::Staging] {
            assert_eq!(Environment::parse(known.as_str()), Ok(known));
            assert_eq!(known.to_string().to_uppercase().parse(), Ok(known));
        }
        assert_eq!(Environment::parse("prod"), Err(UnknownEnvironment));
    }

    #[test]
    fn staging_shares_no_host_with_production() {
        let production = Hosts::of(Environment::Production);
        let staging = Hosts::of(Environment::Staging);
        assert_eq!(production.session_issuer, "https://sessions.hytale.com");
        assert_eq!(
            staging.oauth.as_str(),
            "https://oauth.accounts.arcanitegames.ca/"
        );
        for (one, other) in [
            (&production.oauth, &staging.oauth),
            (&production.account_data, &staging.account_data),
            (&production.sessions, &staging.sessions),
        ] {
            assert_ne!(one.host(), other.host());
        }
    }
}

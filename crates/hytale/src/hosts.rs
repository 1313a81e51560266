//! Where the vendor is, in each of its worlds.

use common::types::hytale::HytaleEnvironment;
use url::Url;

/// The vendor's addresses. Each may be set for itself; the defaults are those of an
/// [`HytaleEnvironment`].
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
    /// The addresses of an environment: they differ in the domain alone.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the addresses are constants")]
    pub fn of(environment: HytaleEnvironment) -> Self {
        let domain = match environment {
            HytaleEnvironment::Production => "hytale.com",
            HytaleEnvironment::Staging => "arcanitegames.ca",
        };
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
    fn staging_shares_no_host_with_production() {
        let production = Hosts::of(HytaleEnvironment::Production);
        let staging = Hosts::of(HytaleEnvironment::Staging);
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

//! What the vendor gives is proved before it is kept.

use super::{Custody, CustodyError};
use crate::vendor::SessionTokens;
use crate::verify::{Expected, VerifyError};
use chrono::{DateTime, SubsecRound, Utc};
use runtime::error_chain::ErrorChain;
use secrecy::{ExposeSecret, SecretString};
use slog::warn;
use uuid::Uuid;

impl Custody {
    /// Proves a game session's pair of tokens, and tells when it ends: with the
    /// earliest of what the reply and the tokens say. The pair must be about the
    /// profile that it was asked for.
    pub(super) async fn trust_session(
        &self,
        tokens: SessionTokens,
        profile: Uuid,
    ) -> Result<SessionTokens, CustodyError> {
        let hosts = &self.0.settings.hosts;
        let identity = Expected::identity(hosts).with_subject(profile);
        let session = Expected::session(hosts).with_subject(profile);
        let ends = [
            self.expiry(&tokens.identity_token, &identity).await?,
            self.expiry(&tokens.session_token, &session).await?,
        ];
        let expires_at = ends.into_iter().fold(tokens.expires_at, DateTime::min);
        Ok(SessionTokens {
            // PostgreSQL keeps microseconds; what is answered twice is the same.
            expires_at: expires_at.trunc_subsecs(6),
            ..tokens
        })
    }

    /// Whether the keys that tokens of sessions are proved with can be had, tried on
    /// one that was proved before.
    pub(super) async fn can_prove(
        &self,
        identity_token: &SecretString,
        profile: Uuid,
    ) -> Result<(), CustodyError> {
        let expected = Expected::identity(&self.0.settings.hosts).with_subject(profile);
        match self.expiry(identity_token, &expected).await {
            Ok(_) | Err(CustodyError::Untrusted(VerifyError::Invalid(_))) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn expiry(
        &self,
        token: &SecretString,
        expected: &Expected,
    ) -> Result<DateTime<Utc>, CustodyError> {
        self.0
            .verifier
            .verify(token.expose_secret(), expected, self.now())
            .await
            .map(|claims| claims.expires_at)
            .map_err(CustodyError::Untrusted)
    }

    /// Whether a login's `id_token` is good. Where its issuer publishes no keys, or
    /// they cannot be had now, it says nothing for or against: it came over TLS from
    /// the one who made it (OpenID Connect Core section 3.1.3.7).
    pub(super) async fn is_login_trusted(&self, id_token: Option<&SecretString>) -> bool {
        let Some(token) = id_token else { return true };
        let expected = Expected::id_token(&self.0.settings.hosts);
        let proof = self
            .0
            .verifier
            .verify(token.expose_secret(), &expected, self.now())
            .await;
        match proof {
            Ok(_) | Err(VerifyError::KeysNotPublished) => true,
            Err(error @ VerifyError::KeysUnavailable) => {
                warn!(self.log(), "an id_token could not be verified"; "error" => ErrorChain(&error));
                true
            }
            Err(error @ VerifyError::Invalid(_)) => {
                warn!(self.log(), "an id_token is not valid"; "error" => ErrorChain(&error));
                false
            }
        }
    }
}

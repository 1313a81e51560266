//! What the vendor gives is proved before it is kept.

use super::{Custody, CustodyError};
use crate::vendor::SessionTokens;
use crate::verify::{Expected, Invalid, VerifyError};
use chrono::{DateTime, SubsecRound, Utc};
use common::types::id::FlowId;
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

    /// The subject of a login's `id_token` that came at `came`; an error: it is not good.
    /// Where its issuer publishes no keys, or they cannot be had now, it says nothing for
    /// or against, and has no subject: it came over TLS from the one who made it (OpenID
    /// Connect Core section 3.1.3.7).
    pub(super) async fn login_subject(
        &self,
        id_token: Option<&SecretString>,
        came: DateTime<Utc>,
    ) -> Result<Option<String>, Invalid> {
        let Some(token) = id_token else {
            return Ok(None);
        };
        let expected = Expected::id_token(&self.0.settings.hosts);
        let proof = self
            .0
            .verifier
            .verify(token.expose_secret(), &expected, came)
            .await;
        match proof {
            Ok(claims) => Ok(Some(claims.subject)),
            Err(VerifyError::KeysNotPublished) => Ok(None),
            Err(error @ VerifyError::KeysUnavailable) => {
                warn!(self.log(), "an id_token could not be verified"; "error" => ErrorChain(&error));
                Ok(None)
            }
            Err(VerifyError::Invalid(error)) => {
                warn!(self.log(), "an id_token is not valid"; "error" => ErrorChain(&error));
                Err(error)
            }
        }
    }

    /// Whether the subject of a login's `id_token` is the account that the login proved,
    /// as far as that is asked for: what Hytale puts there is not documented.
    pub(super) fn is_subject(&self, subject: Option<&str>, owner: Uuid, login: FlowId) -> bool {
        let Some(subject) = subject else { return true };
        if Uuid::try_parse(subject) == Ok(owner) {
            return true;
        }
        warn!(self.log(), "an id_token names another subject than the account";
            "login" => login.to_string(), "account" => owner.to_string(), "subject" => subject);
        metrics::counter!("nodebyte_hytale_foreign_subjects_total").increment(1);
        !self.0.settings.match_subject
    }
}

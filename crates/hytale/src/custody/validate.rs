//! Tokens that others show: are they the vendor's, and what do they say?

use super::Custody;
use crate::verify::{Audience, Claims, Expected, VerifyError};

/// Which kind of token is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenKind {
    /// A game server's identity token.
    Identity,
    /// A game server's session token.
    Session,
    /// A player's token for joining the server with this audience.
    Join(String),
}

impl Custody {
    /// What a valid token says. `audience`, where it is given, must be the token's own
    /// if it has one.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn validate(
        &self,
        token: &str,
        kind: TokenKind,
        audience: Option<String>,
    ) -> Result<Claims, VerifyError> {
        let hosts = &self.0.settings.hosts;
        let expected = match kind {
            TokenKind::Identity => Expected::identity(hosts),
            TokenKind::Session => Expected::session(hosts),
            TokenKind::Join(server) => Expected::join(hosts, server),
        };
        let expected = match audience {
            Some(audience) => expected.with_audience(Audience::IfPresent(audience)),
            None => expected,
        };
        self.0.verifier.verify(token, &expected, self.now()).await
    }
}

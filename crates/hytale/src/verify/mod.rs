//! Whether a token is the vendor's, and says what it must.
//!
//! From the outside in: [`Verifier`] holds one [`KeyCache`] for each issuer; `token`
//! takes a compact JWS apart and proves its signature; [`Expected`] is what its claims
//! must say; `key` prepares what the vendor publishes.
//!
//! Claims are read only after the signature holds. The algorithm is the key's and
//! one that the issuer may use, not the token's choice. Time is an argument, so that tests and replays can set it.

mod cache;
mod error;
mod expected;
mod key;
mod token;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::sync::Arc;

use crate::vendor::{Issuer, Jwk, Vendor, VendorError};

pub use cache::{KeyCache, KeySource};
pub use error::{Invalid, VerifyError};
pub use expected::{Audience, Claims, Expected};
pub use key::{Algorithm, KeySet, PublicKey};
pub use token::{LONGEST_TOKEN, verify_with};

/// Verifies tokens of both of the vendor's issuers. Clones share the keys.
#[derive(Clone)]
pub struct Verifier {
    sessions: KeyCache,
    oauth: KeyCache,
}

impl Verifier {
    /// Nothing is asked until the first token comes.
    #[must_use]
    pub fn new(vendor: &Vendor) -> Self {
        let cache = |issuer| {
            let vendor = vendor.clone();
            KeyCache::new(issuer, Arc::new(Published { vendor, issuer }))
        };
        Self {
            sessions: cache(Issuer::Sessions),
            oauth: cache(Issuer::OAuth),
        }
    }

    /// The claims of a token that is valid at `now`. Asks the vendor for keys where
    /// that is due, else only computes.
    ///
    /// # Errors
    ///
    /// [`VerifyError`].
    pub async fn verify(
        &self,
        token: &str,
        expected: &Expected,
        now: DateTime<Utc>,
    ) -> Result<Claims, VerifyError> {
        let token = token::Token::parse(token, expected.issuer())?;
        let key = self
            .keys(expected.issuer())
            .key(token.key_id(), now)
            .await?;
        Ok(expected.check(token.proven_claims(&key)?, now)?)
    }

    fn keys(&self, issuer: Issuer) -> &KeyCache {
        match issuer {
            Issuer::Sessions => &self.sessions,
            Issuer::OAuth => &self.oauth,
        }
    }
}

/// The keys as the vendor publishes them.
struct Published {
    vendor: Vendor,
    issuer: Issuer,
}

#[async_trait]
impl KeySource for Published {
    async fn fetch(&self) -> Result<Vec<Jwk>, VendorError> {
        self.vendor.jwks(self.issuer).await
    }
}

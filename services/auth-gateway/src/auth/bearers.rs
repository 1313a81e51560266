//! Bearer tokens: verified, and then judged by what the database says of their user.
//! What a token says of its user's rights is not read.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use common::crypto::bearer::{self, InvalidBearer, Kind, Realm, Verified};
use common::types::caller::Principal;
use common::types::user;
use secrecy::SecretString;
use store::{Store, StoreError, TokenStanding};

use super::epoch::CredentialEpoch;
use super::known::Known;
use super::signing_keys::SigningKeys;
use super::verdicts::{Good, NoVerdict, Refused, Verdict, Verdicts};

/// Judges tokens.
pub struct Bearers {
    verdicts: Verdicts<Arc<Known>>,
    judge: Arc<Judge>,
}

struct Judge {
    store: Store,
    keys: Arc<SigningKeys>,
    realm: Realm,
    website: Option<SecretString>,
}

impl Bearers {
    /// Takes our own tokens of `realm` and, where a secret is shared with it, the
    /// website's.
    pub fn new(
        store: &Store,
        keys: &Arc<SigningKeys>,
        epoch: &Arc<CredentialEpoch>,
        realm: Realm,
        website: Option<SecretString>,
    ) -> Self {
        Self {
            verdicts: Verdicts::new(epoch, "bearer"),
            judge: Arc::new(Judge {
                store: store.clone(),
                keys: Arc::clone(keys),
                realm,
                website,
            }),
        }
    }

    /// Whom a token stands for, if it is known to be good.
    pub fn known(&self, token: &[u8]) -> Option<Arc<Known>> {
        self.verdicts.known(&bearer::hash(token), Arc::clone)
    }

    /// Whether whoever shows this token guesses nothing.
    pub fn is_no_guess(&self, token: &[u8]) -> bool {
        self.verdicts.is_no_guess(&bearer::hash(token))
    }

    /// Whom a token stands for, if it is good.
    ///
    /// # Errors
    /// When that cannot be told now.
    pub async fn of(&self, token: &str) -> Result<Verdict<Arc<Known>>, NoVerdict> {
        // What is not even in the form of a token costs nothing and is not remembered.
        let kind = match bearer::kind(token) {
            Ok(kind) => kind,
            Err(invalid) => return Ok(Err(refused(invalid))),
        };
        let look = || {
            let (judge, token, kind) = (Arc::clone(&self.judge), token.to_owned(), kind.clone());
            async move { judge.judge(&token, kind).await }
        };
        self.verdicts.of(bearer::hash(token.as_bytes()), look).await
    }
}

impl Judge {
    async fn judge(&self, token: &str, kind: Kind) -> Result<Verdict<Arc<Known>>, StoreError> {
        let verified = match kind {
            Kind::Own(id) => match self.keys.of(&id).await? {
                Some(key) => bearer::verify_own(token, &key, &self.realm, Utc::now()),
                None => Err(InvalidBearer::Signature),
            },
            Kind::Website => match &self.website {
                Some(secret) => bearer::verify_website(token, secret, Utc::now()),
                None => Err(InvalidBearer::Unknown),
            },
        };
        let verified = match verified {
            Ok(verified) => verified,
            Err(invalid) => return Ok(Err(refused(invalid))),
        };
        let standing = self
            .store
            .token_standing(&verified.user, verified.id)
            .await?;
        Ok(stands(verified, standing.as_ref()))
    }
}

fn refused(invalid: InvalidBearer) -> Refused {
    match invalid {
        InvalidBearer::Expired => Refused::ExpiredToken,
        _ => Refused::Token,
    }
}

/// What the database makes of a token that verified.
fn stands(verified: Verified, standing: Option<&TokenStanding>) -> Verdict<Arc<Known>> {
    let standing = standing.ok_or(Refused::Token)?;
    // A token's second may have begun before the revocation that it holds. Of our own
    // tokens each is revoked by itself as well; what is not ours may come from a clock
    // that is ahead.
    let ahead = match verified.id {
        Some(_) => TimeDelta::zero(),
        None => TimeDelta::seconds(bearer::TOLERANCE_SECONDS),
    };
    let is_older = |from| verified.issued_at <= from + ahead;
    if !standing.is_active
        || !standing.token_counts
        || standing.tokens_valid_from.is_some_and(is_older)
    {
        return Err(Refused::Token);
    }
    Ok(Good {
        ends_at: Some(verified.ends_at),
        value: Arc::new(Known::of(
            Principal::User(verified.user),
            user::scopes_of(&standing.roles),
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Duration};
    use common::types::scope::{Scope, Scopes};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_000_000, 0).unwrap()
    }

    fn verdict(standing: Option<TokenStanding>) -> Verdict<Arc<Known>> {
        let verified = Verified {
            user: "anna".to_owned(),
            id: None,
            issued_at: now(),
            ends_at: now() + Duration::hours(1),
        };
        stands(verified, standing.as_ref())
    }

    fn standing() -> TokenStanding {
        TokenStanding {
            roles: vec!["MEMBER".to_owned()],
            is_active: true,
            tokens_valid_from: None,
            token_counts: true,
        }
    }

    #[test]
    fn rights_come_from_the_database() {
        let good = verdict(Some(standing())).unwrap();
        assert_eq!(good.value.scopes, Scopes::NONE.with(Scope::Hytale));
        assert_eq!(good.ends_at, Some(now() + Duration::hours(1)));
        let nothing = verdict(Some(TokenStanding {
            roles: Vec::new(),
            ..standing()
        }));
        assert!(nothing.unwrap().value.scopes.is_empty());
    }

    #[test]
    fn whoever_is_unknown_disabled_or_revoked_is_refused() {
        let revoked_at = |at| TokenStanding {
            tokens_valid_from: Some(at),
            ..standing()
        };
        let second = Duration::seconds(1);
        for standing in [
            None,
            Some(TokenStanding {
                is_active: false,
                ..standing()
            }),
            Some(TokenStanding {
                token_counts: false,
                ..standing()
            }),
            Some(revoked_at(now())),
            Some(revoked_at(now() + second)),
        ] {
            assert_eq!(verdict(standing), Err(Refused::Token));
        }
        let minute = Duration::seconds(bearer::TOLERANCE_SECONDS);
        assert_eq!(
            verdict(Some(revoked_at(now() - minute))),
            Err(Refused::Token)
        );
        assert!(verdict(Some(revoked_at(now() - minute - second))).is_ok());
    }
}

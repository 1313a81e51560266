//! Game sessions: making and prolonging them.

use super::accounts::{Caller, stored_profiles};
use super::session_wish::SessionRequest;
use super::spend::AccessToken;
use super::{Custody, CustodyError, SESSION_WINDOW};
use crate::vendor::{Refusal, SessionTokens, VendorError};
use chrono::{DateTime, Utc};
use common::crypto::place::Place;
use common::types::caller::Origin;
use common::types::hytale::{HytaleAccount, HytaleAuditEvent};
use common::types::id::SessionId;
use reach::vault::Vault;
use runtime::error_chain::ErrorChain;
use secrecy::SecretString;
use slog::warn;
use std::time::Duration;
use store::{NewSession, SessionClaim, SessionEnd, SessionRow, StoreError};
use uuid::Uuid;

/// Which session is meant: by id, or the one that fits.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionChoice {
    /// Our id.
    pub session: Option<SessionId>,
    /// Its profile.
    pub profile: Option<Uuid>,
    /// Its server.
    pub server: Option<Uuid>,
}

/// A game session with its tokens.
#[derive(Debug, Clone)]
pub struct GameSession {
    /// Our id.
    pub id: SessionId,
    /// For which profile.
    pub profile: Uuid,
    /// For which of our servers.
    pub server: Option<Uuid>,
    /// What prolongs and ends it.
    pub session_token: SecretString,
    /// What the game server shows as its identity.
    pub identity_token: SecretString,
    /// When both end.
    pub expires_at: DateTime<Utc>,
}

impl Custody {
    /// Makes a game session, unless one was made with the same idempotency key meanwhile.
    ///
    /// # Errors
    /// [`CustodyError::SessionLimit`], [`CustodyError::ProfileNeeded`] and the others
    /// that say what is wrong; [`CustodyError::Vendor`] when no answer came: Hytale
    /// may then hold a session that nobody can end, for an hour.
    pub async fn create_session(
        &self,
        caller: &Caller,
        account: HytaleAccount,
        request: SessionRequest,
    ) -> Result<GameSession, CustodyError> {
        let row = self.account_row(account).await?;
        let wish = self.wish(caller, &request).await?;
        let profile = match request.profile.or(row.selected_profile) {
            Some(profile) => {
                self.known_profile(account, &row, profile, &caller.origin)
                    .await?;
                profile
            }
            None => match stored_profiles(&row)?.as_slice() {
                [only] => only.uuid,
                _ => return Err(CustodyError::ProfileNeeded),
            },
        };
        let access = self.access_token(account, &caller.origin).await?;
        let new = NewSession {
            id: SessionId::new(),
            account,
            profile,
            server: wish.server,
            principal: caller.principal.clone(),
            idempotency_key: request.idempotency_key,
        };
        // The intent is committed by the task that asks: without it nobody would know for
        // a while what became of it.
        let (custody, origin) = (self.clone(), caller.origin.clone());
        self.detach(async move {
            let (store, now) = (custody.store(), custody.now());
            match store.hytale_session_begin(&new, now, &origin).await? {
                SessionClaim::Repeated(row) => custody.repeat(&row, &wish).await,
                SessionClaim::New => custody.make(new, access, &origin).await,
            }
        })
        .await
    }

    /// Prolongs a session in the last [`SESSION_WINDOW`] of its life; earlier, its pair
    /// of tokens is answered as it is, and the vendor is not asked.
    ///
    /// # Errors
    /// [`CustodyError::UnknownSession`], also when the vendor has ended it.
    pub async fn refresh_session(
        &self,
        account: HytaleAccount,
        choice: SessionChoice,
        origin: &Origin,
    ) -> Result<GameSession, CustodyError> {
        let row = self.active_session(account, choice).await?;
        if row
            .expires_at
            .is_some_and(|end| end > self.now() + SESSION_WINDOW)
        {
            return self.open_session(&row).await;
        }
        let (custody, origin) = (self.clone(), origin.clone());
        self.detach(async move {
            let claim = custody.claim_session(&row).await?;
            custody.prolong(account, row, claim, &origin).await
        })
        .await
    }

    /// Asks for a session whose intent is committed.
    async fn make(
        &self,
        new: NewSession,
        access: AccessToken,
        origin: &Origin,
    ) -> Result<GameSession, CustodyError> {
        let (vault, tokens) = match self.ask_new(&new, access, origin).await {
            Ok(asked) => asked,
            Err(error) => {
                let lost = error.leaves_a_session();
                warn!(self.log(), "no game session was made";
                    "account" => new.account.to_string(), "lost" => lost, "error" => ErrorChain(&error));
                let reason = error.to_string();
                self.persist("a failed session", || {
                    self.store()
                        .hytale_session_failed(new.id, &reason, lost, origin)
                })
                .await?;
                return Err(error);
            }
        };
        let sealed = seal(&vault, new.id, &tokens)?;
        let stored = self
            .persist("a new session", || {
                self.store().hytale_session_active(new.id, &sealed, origin)
            })
            .await?;
        if !stored {
            // Its account was given up meanwhile.
            self.give_back(&tokens.session_token).await;
            return Err(CustodyError::UnknownSession);
        }
        Ok(GameSession {
            id: new.id,
            profile: new.profile,
            server: new.server,
            session_token: tokens.session_token,
            identity_token: tokens.identity_token,
            expires_at: tokens.expires_at,
        })
    }

    /// The first pair of a session.
    async fn ask_new(
        &self,
        new: &NewSession,
        access: AccessToken,
        origin: &Origin,
    ) -> Result<(Vault, SessionTokens), CustodyError> {
        // The vault is read before: PostgreSQL may be away when the answer comes.
        let vault = self.vault().await?;
        let tokens = self.ask_session(new, access, origin).await?;
        Ok((vault, self.trust_new(tokens, new.profile).await?))
    }

    /// Proves a new pair. One that cannot be proved is given back, so that it does not
    /// count against the account's limit.
    async fn trust_new(
        &self,
        tokens: SessionTokens,
        profile: Uuid,
    ) -> Result<SessionTokens, CustodyError> {
        let session = tokens.session_token.clone();
        let trusted = self.trust_session(tokens, profile).await;
        if trusted.is_err() {
            self.give_back(&session).await;
        }
        trusted
    }

    /// A 401 or 403 is the limit, a missing licence, or a token that died before its
    /// time; the game itself tries once more with a new token, and so do we. What
    /// remains then is told apart by asking for the profiles.
    async fn ask_session(
        &self,
        new: &NewSession,
        access: AccessToken,
        origin: &Origin,
    ) -> Result<SessionTokens, CustodyError> {
        let refused = match self.vendor().session_new(&access.token, new.profile).await {
            Err(VendorError::Refused(Refusal::Unauthorized | Refusal::Forbidden, _)) => {
                match self.vendor().profiles(&access.token).await {
                    Ok(_the_token_is_good) => return Err(CustodyError::SessionLimit),
                    Err(error) if !is_about_the_token(&error) => {
                        warn!(self.log(), "why Hytale refuses a session cannot be told";
                            "account" => new.account.to_string(), "error" => ErrorChain(&error));
                        return Err(CustodyError::NotNow {
                            retry_after: REFUSED_PAUSE,
                        });
                    }
                    Err(_) => {
                        let access = self.refresh(new.account, origin).await;
                        // What gets lost of this is a token and no session.
                        let access = access.map_err(|error| match error {
                            CustodyError::Vendor(VendorError::Lost(_)) => CustodyError::NotNow {
                                retry_after: REFUSED_PAUSE,
                            },
                            other => other,
                        })?;
                        self.vendor().session_new(&access.token, new.profile).await
                    }
                }
            }
            other => other,
        };
        refused.map_err(|error| match error.refusal() {
            Some(Refusal::NotFound) => CustodyError::UnknownProfile,
            Some(Refusal::Forbidden) => CustodyError::NotAllowed,
            _ => CustodyError::Vendor(error),
        })
    }

    /// Asks for a new pair of a session that is claimed.
    async fn prolong(
        &self,
        account: HytaleAccount,
        row: SessionRow,
        claim: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<GameSession, CustodyError> {
        let event = HytaleAuditEvent::SessionRefreshed;
        let (vault, old) = match self.old_pair(&row).await {
            Ok(pair) => pair,
            Err(error) => {
                // Nothing was asked.
                self.release_session(&row, claim, (event, false), &error, origin)
                    .await;
                return Err(error);
            }
        };
        let tokens = match self.ask_pair(&row, &old).await {
            Ok(tokens) => tokens,
            Err(CustodyError::UnknownSession) => {
                let (session, generation) = (row.session_id(), row.generation);
                self.store()
                    .hytale_session_ended(session, generation, SessionEnd::Lapsed, origin)
                    .await?;
                let other = self.renewed_elsewhere(account, &row).await?;
                return other.ok_or(CustodyError::UnknownSession);
            }
            Err(error) => {
                let lost = error.leaves_a_session();
                self.release_session(&row, claim, (event, lost), &error, origin)
                    .await;
                return Err(error);
            }
        };
        let sealed = seal(&vault, row.session_id(), &tokens)?;
        let stored = self
            .persist("a session's new tokens", || {
                self.store().hytale_session_renewed(
                    row.session_id(),
                    row.generation,
                    &sealed,
                    origin,
                )
            })
            .await?;
        if !stored {
            if let Some(other) = self.renewed_elsewhere(account, &row).await? {
                return Ok(other);
            }
            // It was ended here meanwhile, or its account given up.
            self.give_back(&tokens.session_token).await;
            return Err(CustodyError::UnknownSession);
        }
        Ok(GameSession {
            session_token: tokens.session_token,
            identity_token: tokens.identity_token,
            expires_at: tokens.expires_at,
            ..old
        })
    }

    /// The pair of a session that another process has renewed since `row` was read, its
    /// claim being over. To give one's own back would end the session for both.
    async fn renewed_elsewhere(
        &self,
        account: HytaleAccount,
        row: &SessionRow,
    ) -> Result<Option<GameSession>, CustodyError> {
        let found = self.store().hytale_session(account, row.session_id()).await;
        match found {
            Ok(now) if now.state == "active" && now.generation > row.generation => {
                Ok(Some(self.open_session(&now).await?))
            }
            Ok(_) | Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The pair that is to be renewed, and what seals the new one.
    async fn old_pair(&self, row: &SessionRow) -> Result<(Vault, GameSession), CustodyError> {
        let vault = self.vault().await?;
        let old = self.open_session(row).await?;
        // A new pair ends the old one, also when nobody can prove the new one.
        self.can_prove(&old.identity_token, row.profile_id).await?;
        Ok((vault, old))
    }

    /// [`CustodyError::UnknownSession`]: the vendor has ended it.
    async fn ask_pair(
        &self,
        row: &SessionRow,
        old: &GameSession,
    ) -> Result<SessionTokens, CustodyError> {
        match self.vendor().session_refresh(&old.session_token).await {
            Err(error) => Err(match error.refusal() {
                Some(Refusal::Unauthorized | Refusal::NotFound) => CustodyError::UnknownSession,
                _ => CustodyError::Vendor(error),
            }),
            Ok(tokens) => self.trust_new(tokens, row.profile_id).await,
        }
    }

    /// The tokens of a stored session.
    pub(super) async fn open_session(&self, row: &SessionRow) -> Result<GameSession, CustodyError> {
        let (Some(session), Some(identity), Some(expires_at)) =
            (&row.session_token, &row.identity_token, row.expires_at)
        else {
            return Err(CustodyError::UnknownSession);
        };
        let vault = self.vault().await?;
        let id = row.id.to_string();
        Ok(GameSession {
            id: row.session_id(),
            profile: row.profile_id,
            server: row.server_id,
            session_token: vault.unseal(Place::SessionToken.of(&id), session)?,
            identity_token: vault.unseal(Place::SessionIdentity.of(&id), identity)?,
            expires_at,
        })
    }
}

/// When it is worth asking again where a refusal could not be told apart.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);

fn is_about_the_token(error: &VendorError) -> bool {
    matches!(
        error.refusal(),
        Some(Refusal::Unauthorized | Refusal::Forbidden)
    )
}

fn seal(
    vault: &Vault,
    session: SessionId,
    tokens: &SessionTokens,
) -> Result<store::SessionTokens, CustodyError> {
    let row = session.to_string();
    Ok(store::SessionTokens {
        session_token: vault.seal(Place::SessionToken.of(&row), &tokens.session_token)?,
        identity_token: vault.seal(Place::SessionIdentity.of(&row), &tokens.identity_token)?,
        expires_at: tokens.expires_at,
    })
}

//! Access tokens, and the refresh tokens that are spent for them.

use super::verdict::{Verdict, judge};
use super::{ACCESS_TOKEN_MARGIN, CLAIM_MARGIN, Custody, CustodyError, REFRESH_TOKEN_LIFE};
use crate::vendor::TokenSet;
use chrono::{DateTime, Utc};
use common::crypto::place::Place;
use common::types::caller::Origin;
use common::types::hytale::HytaleAccount;
use reach::vault::{Vault, VaultError};
use runtime::error_chain::ErrorChain;
use secrecy::SecretString;
use slog::{info, warn};
use std::time::Duration;
use store::{AccountRow, Renewal, Renewed, Spend, SpendStart};
use tokio::time::Instant;

/// Between two looks at a spend that somebody else has under way.
const LOOK: Duration = Duration::from_millis(100);

/// How long a caller waits for a spend of somebody else.
const PATIENCE: Duration = Duration::from_secs(10);

/// An access token, and how long it is good for.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The token.
    pub token: SecretString,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// What it is good for.
    pub scope: String,
}

/// What one try to spend a token came to.
pub(super) enum Attempt {
    /// It was spent, and this is what it brought.
    Done(AccessToken),
    /// Somebody else is at it, or it is too early.
    Wait,
    /// It is not the account's token any more.
    Replaced,
}

impl Custody {
    /// An access token with at least [`ACCESS_TOKEN_MARGIN`] left, for which the
    /// account's refresh token is spent if need be.
    ///
    /// # Errors
    /// [`CustodyError::LoginNeeded`], [`CustodyError::NotNow`], and what keeps the
    /// vendor or PostgreSQL from being asked.
    pub async fn access_token(
        &self,
        account: HytaleAccount,
        origin: &Origin,
    ) -> Result<AccessToken, CustodyError> {
        let row = self.account_row(account).await?;
        match self.usable(account, &row).await? {
            Some(access) => Ok(access),
            None => self.renew(account, row, origin).await,
        }
    }

    /// Spends the account's refresh token, whatever is left of its access token. A
    /// spend that somebody else has begun meanwhile counts as this one.
    ///
    /// # Errors
    /// As [`access_token`](Self::access_token).
    pub async fn refresh(
        &self,
        account: HytaleAccount,
        origin: &Origin,
    ) -> Result<AccessToken, CustodyError> {
        let row = self.account_row(account).await?;
        if row.state != "live" {
            return Err(CustodyError::LoginNeeded);
        }
        self.renew(account, row, origin).await
    }

    /// Gets beyond the generation that `row` shows.
    async fn renew(
        &self,
        account: HytaleAccount,
        row: AccountRow,
        origin: &Origin,
    ) -> Result<AccessToken, CustodyError> {
        let generation = row.generation;
        let give_up = Instant::now() + PATIENCE;
        loop {
            match self.attempt(account, generation, origin).await? {
                Attempt::Done(access) => return Ok(access),
                Attempt::Replaced => {
                    let row = self.account_row(account).await?;
                    let renewed = self.usable(account, &row).await?;
                    return renewed.ok_or(CustodyError::UnderWay);
                }
                Attempt::Wait => {}
            }
            let row = self.account_row(account).await?;
            let later = row.retry_at.map(|at| (at - Utc::now()).to_std());
            if let Some(Ok(retry_after)) = later {
                return Err(CustodyError::NotNow { retry_after });
            }
            if Instant::now() >= give_up {
                // Its process may have died: the token is free again when its leave has ended.
                let ends = row.spend_until.map(|at| (at - Utc::now()).to_std());
                return Err(CustodyError::NotNow {
                    retry_after: ends.and_then(Result::ok).unwrap_or(PATIENCE),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Spends the token of `generation` once, if nobody else is at it. The intent is
    /// committed by the task that sends: one that was committed for a caller who then
    /// went away would count as a lost answer.
    pub(super) async fn attempt(
        &self,
        account: HytaleAccount,
        generation: i64,
        origin: &Origin,
    ) -> Result<Attempt, CustodyError> {
        let (custody, origin) = (self.clone(), origin.clone());
        self.detach(async move {
            // Before the intent, since it takes as long as PostgreSQL likes; and PostgreSQL
            // may be away when the answer comes.
            let vault = custody.vault().await?;
            let asked = Instant::now();
            let begun = custody
                .store()
                .hytale_spend_begin(account, generation, custody.0.holder, custody.claim())
                .await?;
            match begun {
                SpendStart::Begun(spend) if asked.elapsed() > CLAIM_MARGIN => {
                    // This process stood still. The lease would end before the request does.
                    custody.store().hytale_spend_unsent(&spend, None).await?;
                    Ok(Attempt::Wait)
                }
                SpendStart::Begun(spend) => match custody.spend(spend, &vault, &origin).await {
                    // Nothing was sent: the token was sealed anew while the intent was made.
                    Err(CustodyError::Vault(error)) if custody.knows_by_now(&error).await => {
                        Ok(Attempt::Wait)
                    }
                    done => done.map(Attempt::Done),
                },
                SpendStart::Wait => Ok(Attempt::Wait),
                SpendStart::Replaced => Ok(Attempt::Replaced),
            }
        })
        .await
    }

    /// Whether a secret did not open for want of a data key that has come meanwhile.
    async fn knows_by_now(&self, error: &VaultError) -> bool {
        match error.unknown_key() {
            Some(key) => self.vault().await.is_ok_and(|vault| vault.has(key)),
            None => false,
        }
    }

    /// Sends a token whose spend is committed, and stores what comes of it.
    async fn spend(
        &self,
        spend: Spend,
        vault: &Vault,
        origin: &Origin,
    ) -> Result<AccessToken, CustodyError> {
        let row = spend.account.to_string();
        let token = match vault.unseal(Place::AccountRefresh.of(&row), &spend.refresh_token) {
            Ok(token) => token,
            Err(error) => {
                self.store().hytale_spend_unsent(&spend, None).await?;
                return Err(error.into());
            }
        };
        match self.vendor().refresh(&token).await {
            Ok(tokens) => self.keep(&spend, &row, vault, tokens, origin).await,
            Err(error) => {
                let verdict = judge(&error, spend.losses);
                warn!(self.log(), "a refresh token brought nothing";
                    "account" => &row, "verdict" => ?verdict, "losses" => spend.losses,
                    "said" => error.said(), "error" => ErrorChain(&error));
                let noted = self.note(&spend, verdict, origin).await?;
                Err(match verdict {
                    Verdict::Dead { .. } if noted => CustodyError::LoginNeeded,
                    // A login has brought other tokens meanwhile.
                    Verdict::Dead { .. } => CustodyError::UnderWay,
                    Verdict::Lost { .. } | Verdict::Unspent { .. } => CustodyError::Vendor(error),
                })
            }
        }
    }

    async fn keep(
        &self,
        spend: &Spend,
        row: &str,
        vault: &Vault,
        tokens: TokenSet,
        origin: &Origin,
    ) -> Result<AccessToken, CustodyError> {
        let now = self.now();
        let seal = |place: Place, token: &SecretString| vault.seal(place.of(row), token);
        let renewal = Renewal {
            access_token: seal(Place::AccountAccess, &tokens.access_token)?,
            access_expires_at: now + tokens.expires_in,
            refresh_token: tokens
                .refresh_token
                .as_ref()
                .map(|token| seal(Place::AccountRefresh, token))
                .transpose()?,
            refresh_expires_at: now + REFRESH_TOKEN_LIFE,
            scope: tokens.scope.clone(),
        };
        let stored = self
            .persist("a new refresh token", || {
                self.store().hytale_spend_renewed(spend, &renewal, origin)
            })
            .await?;
        match stored {
            Renewed::Stored => {}
            Renewed::Overtaken => {
                warn!(self.log(), "a refresh token brought what is not kept"; "account" => row);
                return Err(CustodyError::UnderWay);
            }
            Renewed::Nobodys => {
                self.revoke_unkept(row, &tokens).await;
                return Err(CustodyError::UnderWay);
            }
        }
        info!(self.log(), "a refresh token was spent for a new one"; "account" => row);
        Ok(AccessToken {
            token: tokens.access_token,
            expires_at: renewal.access_expires_at,
            scope: renewal.scope,
        })
    }

    async fn revoke_unkept(&self, row: &str, tokens: &TokenSet) {
        let token = tokens.refresh_token.as_ref();
        let token = token.unwrap_or(&tokens.access_token);
        if let Err(error) = self.vendor().revoke(token).await {
            warn!(self.log(), "tokens that nobody keeps could not be revoked";
                "account" => row, "error" => ErrorChain(&error));
        }
    }

    /// `false`: that token is not the account's any more.
    async fn note(
        &self,
        spend: &Spend,
        verdict: Verdict,
        origin: &Origin,
    ) -> Result<bool, CustodyError> {
        match verdict {
            Verdict::Dead { reason } => {
                return self
                    .persist("a dead refresh token", || {
                        self.store().hytale_spend_refused(spend, reason, origin)
                    })
                    .await;
            }
            // Both end by themselves if PostgreSQL is away now.
            Verdict::Lost { retry_after } => {
                self.store().hytale_spend_lost(spend, retry_after).await?;
            }
            Verdict::Unspent { retry_after } => {
                let later = Some(retry_after);
                self.store().hytale_spend_unsent(spend, later).await?;
            }
        }
        Ok(true)
    }

    /// The row's access token, if it is good for long enough.
    async fn usable(
        &self,
        account: HytaleAccount,
        row: &AccountRow,
    ) -> Result<Option<AccessToken>, CustodyError> {
        if row.state != "live" {
            return Err(CustodyError::LoginNeeded);
        }
        let (Some(sealed), Some(expires_at)) = (&row.access_token, row.access_expires_at) else {
            return Ok(None);
        };
        if expires_at < self.now() + ACCESS_TOKEN_MARGIN {
            return Ok(None);
        }
        let place = account.to_string();
        let token = self
            .vault()
            .await?
            .unseal(Place::AccountAccess.of(&place), sealed)?;
        Ok(Some(AccessToken {
            token,
            expires_at,
            scope: row.scope.clone(),
        }))
    }
}

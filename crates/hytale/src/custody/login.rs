//! Device logins. A device code is kept only as a hash; what it brings is kept,
//! sealed, before anybody asks whose it is, since the vendor gives it once.

use super::accounts::profiles_json;
use super::progress::{Progress, answer, interval, judge};
use super::reasons::{
    DECLINED, EXPIRED, FOREIGN_SUBJECT, IN_CUSTODY, INVALID_CODE, NAME_TAKEN, NO_ACCOUNT,
    NO_REFRESH_TOKEN, NOT_THEIRS, UNTRUSTED, why,
};
use super::{Custody, CustodyError, REFRESH_TOKEN_LIFE};
use crate::vendor::{Poll, Profiles, Refusal, TokenSet, VendorError};
use common::crypto::place::Place;
use common::types::caller::{Origin, Principal};
use common::types::hytale::HytaleAccount;
use common::types::id::FlowId;
use reach::vault::Vault;
use runtime::error_chain::ErrorChain;
use secrecy::SecretString;
use slog::{info, warn};
use std::time::Duration;
use store::{FlowRow, FlowTokens, Login, LoginOutcome};
use uuid::Uuid;

/// How much longer the pause between two polls becomes when the vendor says
/// `slow_down` (RFC 8628 section 3.5).
const SLOWER: i32 = 5;

/// How often a poll looks at a row that others change meanwhile.
const LOOKS: u32 = 3;

/// The answer to a poll.
#[derive(Debug, Clone)]
pub enum LoginAnswer {
    /// The account is in custody.
    Tokens {
        /// Hytale's id of it.
        account: Uuid,
        /// Good for the vendor's APIs.
        access_token: SecretString,
        /// How long.
        expires_in: Duration,
        /// What for.
        scope: String,
    },
    /// Nobody has approved it yet.
    Pending {
        /// When to poll again.
        retry_after: Duration,
    },
    /// The same, and this poll came too early.
    SlowDown {
        /// Which login.
        login: FlowId,
        /// When to poll again.
        retry_after: Duration,
    },
}

impl Custody {
    /// Asks how a login is doing, the vendor at most once an interval.
    ///
    /// # Errors
    /// [`CustodyError::UnknownCode`] and the other ends of a login.
    pub async fn poll_login(
        &self,
        principal: Option<&Principal>,
        device_code: &SecretString,
        origin: &Origin,
    ) -> Result<LoginAnswer, CustodyError> {
        let mut flow = self.flow(device_code).await?;
        let known = flow.principal.as_deref();
        if known.is_some() && known != principal.map(ToString::to_string).as_deref() {
            return Err(CustodyError::UnknownCode);
        }
        // Another poll may change the row between the look and the deed.
        for _ in 0..LOOKS {
            let pause = interval(&flow);
            match self.poll_once(flow, device_code, origin).await {
                Err(CustodyError::UnderWay) => flow = self.flow(device_code).await?,
                answered => return answered,
            }
            if flow.state == "open" {
                return Ok(LoginAnswer::Pending { retry_after: pause });
            }
        }
        let retry_after = interval(&flow);
        Ok(LoginAnswer::Pending { retry_after })
    }

    /// Does what a login's row asks for. [`CustodyError::UnderWay`]: another poll was
    /// faster; the row says what it found.
    async fn poll_once(
        &self,
        flow: FlowRow,
        device_code: &SecretString,
        origin: &Origin,
    ) -> Result<LoginAnswer, CustodyError> {
        let id = FlowId(flow.id);
        match judge(&flow, self.now()) {
            Progress::Ask | Progress::Finish => {
                let claimed = self
                    .store()
                    .hytale_flow_claim(id, self.now(), self.claim())
                    .await?;
                let Some(flow) = claimed else {
                    let (login, retry_after) = (id, interval(&flow));
                    // Whom the vendor has answered is not to poll slower.
                    return Ok(if flow.state == "exchanged" {
                        LoginAnswer::Pending { retry_after }
                    } else {
                        LoginAnswer::SlowDown { login, retry_after }
                    });
                };
                let (custody, origin) = (self.clone(), origin.clone());
                let code = device_code.clone();
                self.detach(async move {
                    if flow.state == "exchanged" {
                        custody.finish_poll(&flow, &origin).await
                    } else {
                        custody.exchange(flow, &code, &origin).await
                    }
                })
                .await
            }
            Progress::TooEarly { retry_after } => Ok(LoginAnswer::SlowDown {
                login: id,
                retry_after,
            }),
            Progress::Repeat => self.success(&flow).await,
            Progress::Expired => Err(if self.expire(id, origin).await? {
                CustodyError::LoginExpired
            } else {
                CustodyError::UnderWay
            }),
            Progress::Failed(reason) => Err(why(&reason)),
            Progress::Gone => Err(CustodyError::UnknownCode),
        }
    }

    /// Asks the vendor once, for a poll that is claimed.
    async fn exchange(
        &self,
        flow: FlowRow,
        device_code: &SecretString,
        origin: &Origin,
    ) -> Result<LoginAnswer, CustodyError> {
        let id = FlowId(flow.id);
        // The vault is read before: PostgreSQL may be away when the answer comes.
        let vault = self.vault().await?;
        match self.vendor().poll(device_code).await {
            Ok(Poll::Tokens(tokens)) => {
                let kept = self.keep_exchanged(&flow, &vault, tokens).await?;
                self.finish_poll(&kept, origin).await
            }
            Ok(Poll::Pending) => self.wait(&flow, Duration::ZERO).await,
            Ok(Poll::SlowDown) => {
                let interval_seconds = flow.interval_seconds.saturating_add(SLOWER);
                let slower = FlowRow {
                    interval_seconds,
                    ..flow
                };
                self.wait(&slower, Duration::ZERO).await
            }
            Err(error) if error.is_transient() => {
                warn!(self.log(), "a login could not be polled; its person may try on";
                    "login" => id.to_string(), "error" => ErrorChain(&error));
                let pause = match &error {
                    VendorError::Busy {
                        retry_after: Some(wait),
                    } => *wait,
                    _ => Duration::ZERO,
                };
                self.wait(&flow, pause).await
            }
            Err(error) => {
                let reason = match error.refusal() {
                    Some(Refusal::AccessDenied) => DECLINED,
                    Some(Refusal::ExpiredToken) => EXPIRED,
                    Some(Refusal::InvalidGrant { .. }) => INVALID_CODE,
                    _ => {
                        self.wait(&flow, Duration::ZERO).await?;
                        return Err(CustodyError::Vendor(error));
                    }
                };
                Err(if self.refused(id, reason, origin).await? {
                    why(reason)
                } else {
                    CustodyError::UnderWay
                })
            }
        }
    }

    /// Keeps what the vendor gives once, before anything else is done.
    async fn keep_exchanged(
        &self,
        flow: &FlowRow,
        vault: &Vault,
        tokens: TokenSet,
    ) -> Result<FlowRow, CustodyError> {
        let row = flow.id.to_string();
        let seal = |place: Place, token: &SecretString| vault.seal(place.of(&row), token);
        let seal_some =
            |place, token: Option<SecretString>| token.map(|token| seal(place, &token)).transpose();
        let now = self.now();
        let kept = FlowTokens {
            access_token: seal(Place::LoginAccess, &tokens.access_token)?,
            refresh_token: seal_some(Place::LoginRefresh, tokens.refresh_token)?,
            access_expires_at: now + tokens.expires_in,
            scope: tokens.scope,
            id_token: seal_some(Place::LoginId, tokens.id_token)?,
            exchanged_at: now,
        };
        let stored = self
            .persist("the tokens of a login", || {
                self.store().hytale_flow_exchanged(FlowId(flow.id), &kept)
            })
            .await?;
        if !stored {
            warn!(self.log(), "a login had ended before its tokens came";
                "login" => flow.id.to_string());
            return Err(CustodyError::UnderWay);
        }
        Ok(FlowRow {
            state: "exchanged".to_owned(),
            access_token: Some(kept.access_token),
            refresh_token: kept.refresh_token,
            access_expires_at: Some(kept.access_expires_at),
            scope: Some(kept.scope),
            id_token: kept.id_token,
            exchanged_at: Some(kept.exchanged_at),
            ..flow.clone()
        })
    }

    /// Finds out whose tokens a login has brought, and takes them into custody.
    pub(super) async fn finish(
        &self,
        flow: &FlowRow,
        origin: &Origin,
    ) -> Result<LoginAnswer, CustodyError> {
        let id = FlowId(flow.id);
        let vault = self.vault().await?;
        let id_token = open(&vault, flow, Place::LoginId)?;
        let came = flow.exchanged_at.unwrap_or_else(|| self.now());
        let Ok(subject) = self.login_subject(id_token.as_ref(), came).await else {
            self.fail(id, UNTRUSTED, origin).await?;
            return Err(why(UNTRUSTED));
        };
        let access = open(&vault, flow, Place::LoginAccess)?;
        let refresh = open(&vault, flow, Place::LoginRefresh)?;
        let (Some(access), Some(refresh)) = (access, refresh) else {
            self.fail(id, NO_REFRESH_TOKEN, origin).await?;
            return Err(why(NO_REFRESH_TOKEN));
        };
        let profiles = match self.vendor().profiles(&access).await {
            Ok(profiles) => profiles,
            // The tokens are kept: the next poll tries on.
            Err(error) if error.is_transient() => {
                warn!(self.log(), "whose tokens a login has brought cannot be asked now";
                    "login" => id.to_string(), "error" => ErrorChain(&error));
                let retry_after = interval(flow);
                return Ok(LoginAnswer::Pending { retry_after });
            }
            Err(_refused) => {
                self.fail(id, NO_ACCOUNT, origin).await?;
                return Err(CustodyError::NotAllowed);
            }
        };
        if !self.is_subject(subject.as_deref(), profiles.owner, id) {
            self.fail(id, FOREIGN_SUBJECT, origin).await?;
            return Err(why(FOREIGN_SUBJECT));
        }
        let login = self.login(flow, &vault, &profiles, &access, &refresh)?;
        let outcome = self
            .persist("an account", || self.store().hytale_login(&login, origin))
            .await?;
        info!(self.log(), "a device login has ended"; "login" => id.to_string(),
            "account" => login.account.to_string(), "outcome" => ?outcome);
        match outcome {
            LoginOutcome::Stored => Ok(answer(flow, profiles.owner, access, self.now())),
            LoginOutcome::Owned => Err(why(NOT_THEIRS)),
            LoginOutcome::InCustody => Err(why(IN_CUSTODY)),
            LoginOutcome::NameTaken => Err(why(NAME_TAKEN)),
            // Another poll was faster; the next one finds what it found.
            LoginOutcome::Ended => Err(CustodyError::UnderWay),
        }
    }

    fn login(
        &self,
        flow: &FlowRow,
        vault: &Vault,
        profiles: &Profiles,
        access: &SecretString,
        refresh: &SecretString,
    ) -> Result<Login, CustodyError> {
        let account = HytaleAccount {
            environment: self.environment(),
            id: profiles.owner,
        };
        let row = account.to_string();
        Ok(Login {
            flow: FlowId(flow.id),
            account,
            profiles: profiles_json(&profiles.profiles),
            profile_ids: profiles.profiles.iter().map(|it| it.uuid).collect(),
            refresh_token: vault.seal(Place::AccountRefresh.of(&row), refresh)?,
            refresh_expires_at: self.now() + REFRESH_TOKEN_LIFE,
            access_token: vault.seal(Place::AccountAccess.of(&row), access)?,
            access_expires_at: flow.access_expires_at.unwrap_or_else(|| self.now()),
            scope: flow.scope.clone().unwrap_or_default(),
        })
    }

    /// The answer of a login that has succeeded, once more.
    async fn success(&self, flow: &FlowRow) -> Result<LoginAnswer, CustodyError> {
        let vault = self.vault().await?;
        match (open(&vault, flow, Place::LoginAccess)?, flow.account_id) {
            (Some(access), Some(account)) => Ok(answer(flow, account, access, self.now())),
            _ => Err(CustodyError::UnknownCode),
        }
    }
}

fn open(vault: &Vault, flow: &FlowRow, place: Place) -> Result<Option<SecretString>, CustodyError> {
    let sealed = match place {
        Place::LoginRefresh => &flow.refresh_token,
        Place::LoginId => &flow.id_token,
        _ => &flow.access_token,
    };
    let row = flow.id.to_string();
    Ok(sealed
        .as_ref()
        .map(|sealed| vault.unseal(place.of(&row), sealed))
        .transpose()?)
}

//! Custody of Hytale accounts: logins, tokens, game sessions.
//!
//! [`Custody`] joins three things: the vendor, who is asked; the store, where every
//! intent and every answer is committed before anything is done with it; and the
//! vault, which seals every token. Its rules:
//!
//! - **No transaction is open while the vendor is asked.** The intent is committed
//!   before, the answer after, each by whoever still may (`store::Spend` and the claims
//!   of flows and sessions).
//! - **What the vendor does only once runs in a task of its own** (`Custody::detach`):
//!   a caller that hangs up, or a service that stops, does not end it half-way. The
//!   service waits for such tasks before it exits ([`Custody::close`]).
//! - **An answer is stored before it is used**, and again and again while PostgreSQL is
//!   away (`Custody::persist`): the new token is nowhere else.
//! - **What an answer means** is decided by pure functions: `verdict` for refresh
//!   tokens, `progress` for logins.
//! - **What must happen though nobody asks** is [`Custody::upkeep`]: any number of
//!   processes may do it at once.

mod accounts;
mod error;
mod inventory;
mod login;
mod login_begin;
mod owners;
mod progress;
mod reasons;
mod release;
mod session_wish;
mod sessions;
mod sessions_end;
mod spend;
mod trust;
mod upkeep;
mod validate;
mod verdict;

pub use accounts::Caller;
pub use error::CustodyError;
pub use inventory::Inventory;
pub use login::LoginAnswer;
pub use login_begin::BegunLogin;
pub use session_wish::SessionRequest;
pub use sessions::{GameSession, SessionChoice};
pub use spend::AccessToken;
pub use upkeep::{REFRESH_WINDOW, Refreshes, Tended, UpkeepReport, UpkeepSettings};
pub use validate::TokenKind;

use crate::hosts::Hosts;
use crate::vendor::Vendor;
use crate::verify::Verifier;
use common::crypto::master::MasterKey;
use common::seams::Clock;
use common::types::hytale::HytaleEnvironment;
use common::types::id::WorkerId;
use reach::vault::{Vault, VaultError};
use runtime::error_chain::ErrorChain;
use slog::{Logger, warn};
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// How long an unused refresh token lives (the vendor's word; its replies do not
/// say).
pub const REFRESH_TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// An access token with less than this left is renewed before it is used.
pub const ACCESS_TOKEN_MARGIN: Duration = Duration::from_secs(5 * 60);

/// A session's tokens are renewed in this time before their end and not earlier.
pub const SESSION_WINDOW: Duration = Duration::from_secs(10 * 60);

/// How much longer a claim lasts than the request that it is made for: time to send it,
/// and to store the answer.
const CLAIM_MARGIN: Duration = Duration::from_secs(30);

/// Pauses between two tries to store an answer.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What custody works with.
pub struct CustodySettings {
    /// Which of Hytale's worlds.
    pub environment: HytaleEnvironment,
    /// Whose tokens are believed.
    pub hosts: Hosts,
    /// Seals tokens; without one nothing is taken into custody.
    pub master: Option<Arc<MasterKey>>,
    /// Whether a login fails whose `id_token` names another subject than the account that
    /// it proved.
    pub match_subject: bool,
    /// The longest that one request to the vendor takes.
    pub request_timeout: Duration,
    /// How many logins without a principal may be open at once.
    pub strangers_logins: u32,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// See the module. Clones share everything.
#[derive(Clone)]
pub struct Custody(Arc<Inner>);

struct Inner {
    settings: CustodySettings,
    vendor: Vendor,
    verifier: Verifier,
    store: Store,
    holder: WorkerId,
    tasks: TaskTracker,
    /// Where such tasks run: handlers are served by runtimes that end before the process
    /// does, with all that runs in them.
    runtime: Handle,
    log: Logger,
}

impl Custody {
    /// Nothing is asked yet. Tasks that outlive their callers run in the present tokio
    /// runtime, which must be the process's own.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn new(settings: CustodySettings, vendor: Vendor, store: Store, log: &Logger) -> Self {
        Self(Arc::new(Inner {
            settings,
            verifier: Verifier::new(&vendor),
            vendor,
            store,
            holder: WorkerId::new(),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
            log: log.clone(),
        }))
    }

    /// Waits until every task that the vendor's single answers depend on has ended.
    /// Call it when no more requests come in.
    pub async fn close(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// How long [`close`](Self::close) may take before a task is taken to hang: as long
    /// as a request to the vendor, and time to store its answer.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.claim()
    }

    /// Which of Hytale's worlds this is.
    #[must_use]
    pub fn environment(&self) -> HytaleEnvironment {
        self.0.settings.environment
    }

    fn vendor(&self) -> &Vendor {
        &self.0.vendor
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn log(&self) -> &Logger {
        &self.0.log
    }

    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.settings.clock.now()
    }

    /// How long a claim for one request to the vendor lasts.
    fn claim(&self) -> Duration {
        self.0.settings.request_timeout + CLAIM_MARGIN
    }

    async fn vault(&self) -> Result<Vault, VaultError> {
        Vault::open_to_seal(&self.0.store, self.0.settings.master.clone()).await
    }

    /// Runs work that must not end half-way in a task of its own, and waits for it.
    /// Whatever asks the vendor runs so: a connection lives in the runtime that opened it.
    async fn detach<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, CustodyError>> + Send + 'static,
    ) -> Result<T, CustodyError> {
        self.0
            .tasks
            .spawn_on(work, &self.0.runtime)
            .await
            .unwrap_or_else(|broken| Err(CustodyError::Broken(broken)))
    }

    /// Stores an answer, again and again while PostgreSQL is away.
    async fn persist<T, F: Future<Output = Result<T, StoreError>> + Send>(
        &self,
        what: &'static str,
        store: impl Fn() -> F + Send,
    ) -> Result<T, CustodyError> {
        let mut pause = FIRST_PAUSE;
        loop {
            match store().await {
                Err(error) if error.is_transient() => {
                    warn!(self.0.log, "an answer of Hytale's waits to be stored";
                        "what" => what, "error" => ErrorChain(&error));
                }
                other => return other.map_err(CustodyError::Store),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

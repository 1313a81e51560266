//! Hands mail over: a sender of its own, so that neither webhooks nor syncs delay it.
//!
//! How fast mail leaves, and with which keys, stands in PostgreSQL for all notifiers. A request
//! leaves only after its claim is committed, so whatever is lost with this process stands
//! there as `sending`.

mod decide;

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use common::types::id::WorkerId;
use reach::mail::{Counter, PostError, PostOffice};
use reach::vault::VaultError;
use runtime::error_chain::ErrorChain;
use slog::{Logger, error, info, warn};
use store::{
    HeldMail, MAILS_CHANNEL, MailAttempt, MailClaim, MailOutcome, MailStep, Store, Wakeups,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use decide::Schedule;
use decide::{Case, decide};

/// Requests at once; what Resend takes in a second is less.
const CONCURRENCY: usize = 4;
/// Between two looks when nothing wakes the sender.
const IDLE: Duration = Duration::from_secs(1);
/// After PostgreSQL could not be asked.
const PAUSE: Duration = Duration::from_millis(500);
/// How often an outcome is written again that PostgreSQL did not take.
const WRITES: usize = 20;
/// Before a mail is looked at again that does not open here.
const UNOPENED: Duration = Duration::from_secs(60);

/// Hands mail over.
pub(crate) struct Mailing {
    pub(crate) store: Store,
    pub(crate) office: PostOffice,
    pub(crate) schedule: Schedule,
    /// Requests a second, of all notifiers, unless Resend says otherwise.
    pub(crate) per_second: u32,
    /// After this time without a word a mail is another's.
    pub(crate) hold: Duration,
    pub(crate) log: Logger,
}

impl Mailing {
    /// Works until `stop`, then ends what is in hand.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let wakeups = Wakeups::listen(&self.store, MAILS_CHANNEL, self.log.clone());
        let me = WorkerId::new();
        let mailing = Arc::new(self);
        let mut in_hand = JoinSet::new();
        let mut has_counter = true;
        loop {
            while let Some(ended) = in_hand.try_join_next() {
                mailing.ended(ended);
            }
            if stop.is_cancelled() && in_hand.is_empty() {
                return;
            }
            let mut wait = IDLE;
            let has_room = !stop.is_cancelled() && in_hand.len() < CONCURRENCY;
            if has_room {
                match mailing.next(me, &mut has_counter).await {
                    Ok((counter, mail)) => {
                        in_hand.spawn(Arc::clone(&mailing).hand_over(counter, mail));
                        continue;
                    }
                    Err(Some(pace)) => wait = pace.min(IDLE),
                    Err(None) => {}
                }
            }
            tokio::select! {
                Some(ended) = in_hand.join_next() => mailing.ended(ended),
                () = wakeups.wait(wait), if has_room => {}
                () = stop.cancelled(), if !stop.is_cancelled() => {}
            }
        }
    }

    /// What of a task that panicked is lost is freed in time.
    fn ended(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            error!(self.log, "handing a mail over panicked"; "error" => %error);
        }
    }

    /// A mail to hand over and where; or how long to wait, if that is known.
    async fn next(
        &self,
        me: WorkerId,
        has_counter: &mut bool,
    ) -> Result<(Counter, HeldMail), Option<Duration>> {
        let counter = match self.office.counter().await {
            Ok(counter) => counter,
            Err(error) => {
                self.unreachable(&error);
                return Err(Some(PAUSE));
            }
        };
        if *has_counter != counter.is_some() {
            *has_counter = counter.is_some();
            if *has_counter {
                info!(self.log, "mail is sent: there is a key for Resend");
            } else {
                warn!(self.log, "mail waits: there is no key for Resend");
            }
        }
        let counter = counter.ok_or(None)?;
        let claim = MailClaim {
            holder: me,
            hold: self.hold,
            per_second: self.per_second,
            key: counter.key().to_owned(),
        };
        match self.store.mail_claim(&claim).await {
            Ok(Ok(mail)) => Ok((counter, mail)),
            Ok(Err(wait)) => Err(Some(wait).filter(|it| !it.is_zero())),
            Err(error) => {
                warn!(self.log, "cannot look for mail"; "error" => ErrorChain(&error));
                Err(Some(PAUSE))
            }
        }
    }

    fn unreachable(&self, error: &PostError) {
        warn!(self.log, "no mail can be handed over"; "error" => ErrorChain(error));
    }

    async fn hand_over(self: Arc<Self>, counter: Counter, mail: HeldMail) {
        let outcome = match self.office.open(&mail).await {
            Ok(body) => {
                let answer = counter.hand_over(&mail.id.to_string(), body).await;
                let case = Case {
                    failures: mail.failures,
                    first_attempt_at: mail.first_attempt_at,
                    expires_at: mail.expires_at,
                    now: Utc::now(),
                };
                let decision = decide(&answer, &case, &self.schedule, rand::random());
                if let Some(pause) = decision.pause {
                    warn!(self.log, "mail waits"; "reason" => pause.reason,
                        "seconds" => pause.lasts.as_secs());
                }
                MailOutcome {
                    id: mail.id,
                    fence: mail.fence,
                    attempt: MailAttempt {
                        number: mail.attempt,
                        outcome: decision.outcome,
                        counted: decision.counted,
                        status: answer.status.map(i32::from),
                        answer: answer.excerpt,
                        took: answer.took,
                    },
                    key: counter.key().to_owned(),
                    next: decision.next,
                    pause: decision.pause,
                    per_second: answer.rate.map(|it| it.limit),
                    wait: decision.wait,
                }
            }
            Err(error) => self.unopened(&mail, counter.key(), &error),
        };
        let result = outcome.attempt.outcome;
        metrics::counter!("nodebyte_mail_attempts_total", "outcome" => result).increment(1);
        if let MailStep::Dead { reason } = &outcome.next {
            warn!(self.log, "a mail is not sent"; "mail" => %mail.id, "reason" => reason);
        }
        self.settle(&outcome).await;
    }

    /// Nothing was sent: it may be that another process has the key.
    fn unopened(&self, mail: &HeldMail, key: &str, error: &VaultError) -> MailOutcome {
        warn!(self.log, "a mail cannot be opened"; "mail" => %mail.id,
            "error" => ErrorChain(error));
        MailOutcome {
            id: mail.id,
            fence: mail.fence,
            attempt: MailAttempt {
                number: mail.attempt,
                outcome: "limited",
                counted: false,
                status: None,
                answer: error.to_string(),
                took: Duration::ZERO,
            },
            key: key.to_owned(),
            next: MailStep::Again { wait: UNOPENED },
            pause: None,
            per_second: None,
            wait: Duration::ZERO,
        }
    }

    /// What is not written in the end is unknown, once the mail is free again.
    async fn settle(&self, outcome: &MailOutcome) {
        for _ in 0..WRITES {
            match self.store.mail_settle(outcome).await {
                Ok(()) => return,
                Err(error) => {
                    warn!(self.log, "cannot write what became of a mail";
                        "mail" => %outcome.id, "error" => ErrorChain(&error));
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

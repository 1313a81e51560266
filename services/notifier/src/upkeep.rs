//! What is done about deliveries, webhooks and mails from time to time. Every replica does it;
//! whoever is first has it, since each change is compared in PostgreSQL.

use std::time::Duration;

use chrono::TimeDelta;
use common::types::id::WebhookId;
use runtime::error_chain::ErrorChain;
use slog::{Logger, info, warn};
use store::{DeliveryRetention, FailingWebhook, Store, StoreError, WebhookAlert};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Between two looks for lanes whose sender is gone.
const RECOVER_EVERY: Duration = Duration::from_secs(1);
/// Of these looks, every which one also looks at failing webhooks.
const ALERT_EVERY: u64 = 10;
/// Between two clean-ups.
const CLEAN_EVERY: Duration = Duration::from_hours(1);
/// Shares of the time until a failing webhook is disabled that are told of, in per cent.
const ALERTS: [i32; 4] = [50, 70, 90, 100];
/// Rows deleted in one statement.
const BATCH: i64 = 1000;

/// The upkeep.
pub(crate) struct Upkeep {
    pub(crate) store: Store,
    /// Attempts after the first, until a delivery is dead.
    pub(crate) retries: usize,
    /// Of nothing but failures, after which a webhook is disabled.
    pub(crate) disable_after: TimeDelta,
    /// How long deliveries are kept.
    pub(crate) keep: Duration,
    /// How long mails are kept.
    pub(crate) keep_mails: Duration,
    pub(crate) log: Logger,
}

impl Upkeep {
    /// Works until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        // What is over may be much: lanes are freed meanwhile.
        let work = async { tokio::join!(self.keep_looking(), self.keep_clean()) };
        tokio::select! {
            () = stop.cancelled() => {}
            _ = work => {}
        }
    }

    async fn keep_looking(&self) {
        let mut tick = every(RECOVER_EVERY);
        for round in 0.. {
            tick.tick().await;
            self.tell(self.look(round).await);
        }
    }

    async fn keep_clean(&self) {
        let mut tick = every(CLEAN_EVERY);
        loop {
            tick.tick().await;
            self.tell(self.clean_up().await);
        }
    }

    fn tell(&self, done: Result<(), StoreError>) {
        if let Err(error) = done {
            warn!(self.log, "the upkeep of deliveries and mails failed"; "error" => ErrorChain(&error));
        }
    }

    async fn look(&self, round: u64) -> Result<(), StoreError> {
        let freed = self.store.deliveries_recover(self.retries).await?;
        if freed > 0 {
            info!(self.log, "took over what a sender had left"; "lanes" => freed);
        }
        let mails = self.store.mails_recover().await?;
        if mails.freed > 0 {
            info!(self.log, "took over mail that a sender had left"; "mails" => mails.freed);
        }
        if mails.expired > 0 {
            warn!(self.log, "mail came too late to be sent"; "mails" => mails.expired);
        }
        if round.is_multiple_of(ALERT_EVERY) {
            for webhook in self.store.webhooks_failing().await? {
                if let Some(alert) = alert(&webhook, self.disable_after) {
                    self.store.webhook_alert(&alert).await?;
                }
            }
        }
        Ok(())
    }

    async fn clean_up(&self) -> Result<(), StoreError> {
        let retention = DeliveryRetention {
            finished: self.keep,
            while_disabled: self.keep,
            batch: BATCH,
        };
        self.store.deliveries_clean_up(retention).await?;
        self.store.mails_clean_up(self.keep_mails).await?;
        Ok(())
    }
}

fn every(period: Duration) -> Interval {
    let mut tick = interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

/// What is to be told of a failing webhook next: one share after another, so that nobody
/// finds a webhook disabled of which nothing was told.
fn alert(webhook: &FailingWebhook, after: TimeDelta) -> Option<WebhookAlert> {
    // Not until now: to one that is told nothing, nothing more happens.
    let failing = webhook.last_failure_at - webhook.failing_since;
    let percent = ALERTS.into_iter().find(|it| *it > webhook.alerted)?;
    (failing * 100 >= after * percent).then(|| WebhookAlert {
        webhook: WebhookId(webhook.id),
        name: webhook.name.clone(),
        failing_since: webhook.failing_since,
        percent,
        disabled_at: webhook.failing_since + after,
        disable: percent == 100,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use uuid::Uuid;

    #[test]
    fn a_failing_webhook_is_told_of_at_each_share_once_and_disabled_at_the_last() {
        let since = DateTime::UNIX_EPOCH;
        let told = |alerted, hours| {
            let webhook = FailingWebhook {
                id: Uuid::nil(),
                name: "w".to_owned(),
                failing_since: since,
                last_failure_at: since + TimeDelta::hours(hours),
                alerted,
            };
            alert(&webhook, TimeDelta::days(5)).map(|it| (it.percent, it.disable))
        };
        assert_eq!(told(0, 59), None);
        assert_eq!(told(0, 60), Some((50, false)));
        assert_eq!(told(50, 83), None);
        assert_eq!(told(50, 84), Some((70, false)));
        assert_eq!(told(70, 108), Some((90, false)));
        assert_eq!(told(90, 120), Some((100, true)));
        assert_eq!(told(0, 500), Some((50, false)), "none is passed over");
        assert_eq!(told(100, 500), None);
    }
}

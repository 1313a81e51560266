//! Game sessions that nobody ends.

use super::due::warn_from;
use super::{BATCH, Tended, UpkeepSettings};
use crate::custody::{Custody, CustodyError};
use common::types::caller::Origin;
use futures_util::StreamExt;
use futures_util::stream;
use runtime::error_chain::ErrorChain;
use slog::warn;
use store::{SessionLimit, SurplusSession};

/// A session that was asked for takes a few requests at most (a new access token among
/// them); after so many claims nobody is at it any more.
const CLAIMS: u32 = 10;

impl Custody {
    /// What has ended is marked first: it is neither reaped nor counted.
    pub(super) async fn tend_sessions(&self, settings: &UpkeepSettings) -> Tended {
        let mut failed = 0;
        Tended {
            lapsed: self.step("lapsed sessions", self.lapse().await, &mut failed),
            abandoned: self.step("abandoned sessions", self.abandon().await, &mut failed),
            reaped: self.step(
                "surplus sessions",
                self.reap_surplus(settings.concurrency).await,
                &mut failed,
            ),
            near_limit: self.step(
                "the limit of sessions",
                self.warn_of_limit(settings).await,
                &mut failed,
            ),
            failed,
        }
    }

    async fn lapse(&self) -> Result<usize, CustodyError> {
        let mut all = 0;
        loop {
            let lapsed = self
                .store()
                .hytale_sessions_lapse(self.environment(), self.now(), BATCH)
                .await?;
            all += lapsed;
            if lapsed == 0 {
                return Ok(all);
            }
        }
    }

    async fn abandon(&self) -> Result<usize, CustodyError> {
        let mut all = 0;
        loop {
            let abandoned = self
                .store()
                .hytale_sessions_abandon(self.environment(), self.claim() * CLAIMS, BATCH)
                .await?;
            all += abandoned;
            if abandoned == 0 {
                return Ok(all);
            }
        }
    }

    async fn reap_surplus(&self, concurrency: usize) -> Result<usize, CustodyError> {
        let surplus = self
            .store()
            .hytale_sessions_surplus(self.environment(), self.now(), BATCH)
            .await?;
        let reaped = stream::iter(surplus)
            .map(|surplus| self.reap(surplus))
            .buffer_unordered(concurrency.max(1));
        Ok(reaped
            .filter(|reaped| std::future::ready(*reaped))
            .count()
            .await)
    }

    async fn reap(&self, surplus: SurplusSession) -> bool {
        let (custody, id) = (self.clone(), surplus.session.id.to_string());
        let reaped = self.detach(async move { custody.end_surplus(&surplus).await });
        reaped.await.unwrap_or_else(|error| {
            warn!(self.log(), "a session that nobody needs could not be ended";
                "session" => id, "error" => ErrorChain(&error));
            false
        })
    }

    /// A claim that is not given back is the pause until the next try.
    async fn end_surplus(&self, surplus: &SurplusSession) -> Result<bool, CustodyError> {
        let row = &surplus.session;
        let (session, generation) = (row.session_id(), row.generation);
        let claimed = self
            .store()
            .hytale_session_claim(session, generation, self.claim())
            .await?;
        if claimed.is_none() {
            return Ok(false);
        }
        let end = self.end_at_vendor(row).await?;
        let reason = if surplus.server_removed {
            "server_removed"
        } else {
            "newer_session"
        };
        let origin = Origin::default();
        self.persist("the end of a session", || {
            self.store()
                .hytale_session_reaped(session, generation, end, reason, &origin)
        })
        .await
    }

    async fn warn_of_limit(&self, settings: &UpkeepSettings) -> Result<usize, CustodyError> {
        let limit = settings.session_limit;
        let Some(warn_from) = warn_from(limit, settings.session_warning_share) else {
            return Ok(0);
        };
        let near = self
            .store()
            .hytale_sessions_near_limit(
                self.environment(),
                self.now(),
                SessionLimit { limit, warn_from },
            )
            .await?;
        for it in &near {
            warn!(self.log(), "an account has nearly as many sessions as Hytale allows";
                "account" => it.account_id.to_string(), "active" => it.active, "lost" => it.lost,
                "limit" => limit);
        }
        Ok(near.len())
    }
}

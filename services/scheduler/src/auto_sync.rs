//! Full syncs by the clock, of every panel.
//!
//! Every replica looks each second whether one is due, by the settings as they are then; who
//! asks first in PostgreSQL has it. What is due is measured from the last full sync that
//! anybody asked for, so a sync that was missed while all schedulers were away follows at
//! once, and once.

use std::time::Duration;

use common::types::id::PanelId;
use common::types::sync::Target;
use reach::settings::{Settings, SettingsError};
use runtime::error_chain::ErrorChain;
use slog::{Logger, info, warn};
use store::{NewRun, Store};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Who asks, in the log of a sync.
const REQUESTED_BY: &str = "scheduler";

/// Asks for syncs that are due.
pub(crate) struct AutoSync {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) log: Logger,
}

impl AutoSync {
    /// Works until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_well = true;
        let rounds = async {
            loop {
                tick.tick().await;
                let done = self.look().await;
                if let Err(error) = &done
                    && is_well
                {
                    warn!(self.log, "syncs cannot be started by the clock now";
                        "error" => ErrorChain(error));
                }
                is_well = done.is_ok();
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = rounds => {}
        }
    }

    async fn look(&self) -> Result<(), SettingsError> {
        let Some(interval) = self.settings.auto_sync().await? else {
            return Ok(());
        };
        // Makes it known, where nobody has asked for it yet.
        match self.settings.default_panel().await {
            Ok(_) | Err(SettingsError::NoDefaultPanel) => {}
            Err(error) => return Err(error),
        }
        for panel in self.store.panels().await.map_err(SettingsError::Store)? {
            let new = NewRun {
                panel: PanelId(panel.id),
                target: Target::Full,
                skip_users: false,
                requested_by: REQUESTED_BY.to_owned(),
                request_id: None,
            };
            let due = self.store.run_trigger_due(&new, interval).await;
            if let Some(run) = due.map_err(SettingsError::Store)? {
                info!(self.log, "a full sync was due"; "panel" => panel.name, "run" => %run.id);
            }
        }
        Ok(())
    }
}

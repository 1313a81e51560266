//! Clients for tests: patient enough for a slow machine, quick where they wait on
//! purpose.

use common::seams::{BudgetLimits, RequestBudget, SystemClock};
use common::types::id::PanelId;
use common::types::panel::{Chunk, PageRequest, Server, ServerIncludes};
use panels::{LocalBudget, PanelSettings, Pterodactyl, RetryPolicy};
use simulators::panel::{Fault, Options, Panel, State};
use std::sync::Arc;
use std::time::Duration;

pub const ALL: ServerIncludes = ServerIncludes {
    allocations: true,
    variables: true,
    subusers: true,
    databases: true,
};

pub fn log() -> slog::Logger {
    slog::Logger::root(slog::Discard, slog::o!())
}

pub fn settings(url: &str, application_key: &str, client_key: Option<&str>) -> PanelSettings {
    PanelSettings {
        panel: PanelId::new(),
        url: url.parse().unwrap(),
        guard: None,
        application_key: application_key.to_owned().into(),
        client_key: client_key.map(|key| key.to_owned().into()),
        cf_access: None,
        request_timeout: Duration::from_secs(20),
        retry: RetryPolicy {
            attempts: 3,
            first: Duration::from_millis(1),
            cap: Duration::from_millis(5),
        },
    }
}

pub fn budget() -> Arc<dyn RequestBudget> {
    Arc::new(LocalBudget::new(
        Arc::new(SystemClock),
        BudgetLimits::default(),
        1,
    ))
}

/// A client that may ask as often as it likes.
pub fn unhurried(settings: PanelSettings) -> Pterodactyl {
    let limits = BudgetLimits {
        application: 100_000,
        client: 100_000,
    };
    let budget = LocalBudget::new(Arc::new(SystemClock), limits, 1);
    Pterodactyl::new(settings, Arc::new(budget), log()).unwrap()
}

/// A client of the address with keys that need not be right.
pub fn client(url: &str) -> Pterodactyl {
    client_with(settings(url, "ptla_app", Some("ptlc_client")))
}

pub fn client_with(settings: PanelSettings) -> Pterodactyl {
    Pterodactyl::new(settings, budget(), log()).unwrap()
}

pub fn page(number: u32, size: u32) -> PageRequest {
    PageRequest { number, size }
}

pub const NOTHING: ServerIncludes = ServerIncludes {
    allocations: false,
    variables: false,
    subusers: false,
    databases: false,
};

pub async fn panel() -> (Panel, Pterodactyl) {
    let panel = Panel::start(State::small(), Options::default())
        .await
        .unwrap();
    let client = client_with(settings(
        &panel.url(),
        panel.application_key(),
        Some(panel.client_key()),
    ));
    (panel, client)
}

pub async fn panel_with(fault: Fault) -> (Panel, Pterodactyl) {
    let (panel, client) = panel().await;
    panel.faults(|faults| faults.add(fault));
    (panel, client)
}

pub fn ids(chunk: &Chunk<Server>) -> Vec<i64> {
    chunk.rows.iter().map(|server| server.id).collect()
}

pub fn all_servers(panel: &Panel) -> Vec<i64> {
    panel.state(|state| state.servers.keys().map(|id| i64::from(*id)).collect())
}

//! The large panel's pages as the worker reads them, in memory.

use common::seams::{BudgetLimits, SystemClock};
use common::types::id::PanelId;
use common::types::panel::{Chunk, Included, PageRequest, ServerIncludes};
use common::types::sync::Kind;
use panels::{LocalBudget, PanelSettings, Pterodactyl, RetryPolicy};
use serde_json::json;
use simulators::panel::{Options, Panel, State};
use slog::{Discard, Logger, o};
use std::sync::Arc;
use std::time::Duration;
use store::{PageCommit, PageRows, ServerParts};

/// Sizes of a page, as the worker asks by default.
const USUAL: u32 = 500;
const ALLOCATIONS: u32 = 2_000;

const EVERYTHING: ServerIncludes = ServerIncludes {
    allocations: true,
    variables: true,
    subusers: true,
    databases: true,
};

pub struct Pages {
    /// What the measured rows hang on: locations, nodes, nests, users.
    pub parents: Vec<PageCommit>,
    pub measured: Vec<PageCommit>,
}

impl Pages {
    pub async fn read() -> Self {
        let panel = Panel::start(State::large(), Options::default())
            .await
            .unwrap();
        let client = client(&panel);
        let first = page(1, USUAL);
        let nodes = client.nodes(first).await.unwrap();
        let node_ids: Vec<i64> = nodes.rows.iter().map(|node| node.id).collect();
        let mut parents = vec![
            commit(
                Kind::Locations,
                0,
                first,
                client.locations(first).await.unwrap(),
                PageRows::Locations,
            ),
            commit(Kind::Nodes, 0, first, nodes, PageRows::Nodes),
            commit(
                Kind::Nests,
                0,
                first,
                client.nests(first).await.unwrap(),
                PageRows::Nests,
            ),
        ];
        let mut at = first;
        loop {
            let chunk = client.users(at).await.unwrap();
            let total = chunk.total;
            parents.push(commit(Kind::Users, 0, at, chunk, PageRows::Users));
            at.number += 1;
            if at.offset() >= total {
                break;
            }
        }

        let mut measured = Vec::new();
        let whole = page(1, ALLOCATIONS);
        for node in node_ids {
            let chunk = client.allocations(node, whole).await.unwrap();
            assert_eq!(chunk.total, chunk.rows.len() as u64, "a node is a page");
            measured.push(commit(Kind::Allocations, node, whole, chunk, |rows| {
                PageRows::Allocations { node, rows }
            }));
        }
        let mut at = first;
        loop {
            let chunk = client.servers(at, EVERYTHING).await.unwrap();
            let total = chunk.total;
            let parts = ServerParts {
                servers: true,
                databases: true,
            };
            measured.push(commit(Kind::Servers, 0, at, chunk, |rows| {
                PageRows::Servers { rows, parts }
            }));
            at.number += 1;
            if at.offset() >= total {
                break;
            }
        }
        panel.stop().await;
        Self { parents, measured }
    }

    /// The measured pages with something new in every row.
    pub fn changed(&self) -> Vec<PageCommit> {
        let mut pages = self.measured.clone();
        for page in &mut pages {
            match &mut page.rows {
                PageRows::Allocations { rows, .. } => {
                    for row in rows {
                        row.notes = Some("changed".to_owned());
                    }
                }
                PageRows::Servers { rows, .. } => rows.iter_mut().for_each(change),
                other => panic!("{} rows are not measured", other.len()),
            }
        }
        pages
    }
}

fn change(server: &mut common::types::panel::Server) {
    server.description.push_str(" (changed)");
    if let Included::Listed(variables) = &mut server.variables {
        for variable in variables {
            if let Some(value) = &mut variable.server_value {
                value.push('+');
            }
        }
    }
    if let Included::Listed(subusers) = &mut server.subusers {
        for subuser in subusers {
            subuser.permissions.push("file.archive".to_owned());
        }
    }
    if let Included::Listed(databases) = &mut server.databases {
        for database in databases {
            database.remote.push('%');
        }
    }
}

fn client(panel: &Panel) -> Pterodactyl {
    Pterodactyl::new(
        PanelSettings {
            panel: PanelId::new(),
            url: panel.url().parse().unwrap(),
            guard: None,
            application_key: panel.application_key().to_owned().into(),
            client_key: None,
            cf_access: None,
            request_timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
        },
        Arc::new(LocalBudget::new(
            Arc::new(SystemClock),
            BudgetLimits::default(),
            1,
        )),
        Logger::root(Discard, o!()),
    )
    .unwrap()
}

fn page(number: u32, size: u32) -> PageRequest {
    PageRequest { number, size }
}

fn commit<T>(
    kind: Kind,
    scope: i64,
    page: PageRequest,
    chunk: Chunk<T>,
    wrap: impl FnOnce(Vec<T>) -> PageRows,
) -> PageCommit {
    assert!(chunk.bad.is_empty() && chunk.poison.is_empty());
    PageCommit {
        rows: wrap(chunk.rows),
        kind,
        scope,
        position: page.offset(),
        total: chunk.total,
        total_constant: chunk.total_constant,
        bad: chunk.bad,
        poison: chunk.poison,
        listing: true,
        checkpoint: json!({ "next": page.number + 1 }),
        items_total: chunk.total,
        requests: chunk.requests,
    }
}

//! What other processes may order of the panel, as JSON; [`control`](super::control) takes the orders.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    access::{Access, Resource},
    faults::{Effect, Fault, Faults},
    limits::RateLimits,
    rows::{Daemon, Id},
    state::State,
};

/// A change of the rows, named as in `{"remove_servers": {"count": 5}}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mutation {
    /// Removes servers with all that hangs on them, lowest ids first.
    RemoveServers {
        /// How many.
        count: usize,
    },
    /// Removes one row with all that hangs on it.
    Remove {
        /// Of which table; database hosts stay.
        resource: Resource,
        /// Which.
        id: Id,
    },
    /// Adds servers on free allocations.
    AddServers {
        /// How many.
        count: usize,
        /// Their name.
        name: String,
    },
    /// Gives a server another name.
    RenameServer {
        /// Which.
        id: Id,
        /// The name.
        name: String,
    },
    /// Sets a server's status; null is fine.
    SetStatus {
        /// Which server.
        id: Id,
        /// The status.
        status: Option<String>,
    },
    /// Sets the value that a server gives a variable; null leaves it to the default.
    SetVariable {
        /// Which server.
        server: Id,
        /// Which egg variable.
        variable: Id,
        /// The value.
        value: Option<String>,
    },
    /// Gives a server another uuid under the same id.
    ReplaceServerUuid {
        /// Which.
        id: Id,
    },
    /// Gives every row another uuid under the same id: another panel behind the same address.
    ReplaceAllUuids,
    /// Puts other rows in the place of all.
    ReplacePanel {
        /// Which rows.
        size: PanelSize,
    },
    /// Sets how a node's daemon behaves.
    SetDaemon {
        /// Which node.
        node: Id,
        /// How.
        daemon: Daemon,
    },
}

/// An invented panel.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PanelSize {
    /// [`State::small`].
    Small,
    /// A tenth of [`State::large`].
    Tenth,
    /// [`State::large`].
    Large,
    /// Nothing but user 1, whose keys go on.
    Empty,
}

impl Mutation {
    /// Makes the change; returns how many rows it was made to directly.
    pub fn apply(self, state: &mut State) -> usize {
        match self {
            Self::RemoveServers { count } => state.remove_servers(count).len(),
            Self::Remove { resource, id } => usize::from(remove(state, resource, id)),
            Self::AddServers { count, name } => {
                (0..count).filter_map(|_| state.add_server(&name)).count()
            }
            Self::RenameServer { id, name } => state
                .servers
                .get_mut(&id)
                .map(|server| server.name = name)
                .map_or(0, |()| 1),
            Self::SetStatus { id, status } => state
                .servers
                .get_mut(&id)
                .map(|server| server.status = status)
                .map_or(0, |()| 1),
            Self::SetVariable {
                server,
                variable,
                value: Some(value),
            } => {
                state.server_variables.insert((server, variable), value);
                1
            }
            Self::SetVariable {
                server,
                variable,
                value: None,
            } => usize::from(state.server_variables.remove(&(server, variable)).is_some()),
            Self::ReplaceServerUuid { id } => usize::from(state.replace_server_uuid(id).is_some()),
            Self::ReplaceAllUuids => {
                state.replace_all_uuids();
                state.servers.len()
            }
            Self::ReplacePanel { size } => {
                *state = match size {
                    PanelSize::Small => State::small(),
                    PanelSize::Tenth => State::sized(0.1),
                    PanelSize::Large => State::large(),
                    PanelSize::Empty => State {
                        users: std::mem::take(&mut state.users)
                            .into_iter()
                            .filter(|(id, _)| *id == 1)
                            .collect(),
                        ..State::default()
                    },
                };
                state.servers.len()
            }
            Self::SetDaemon { node, daemon } => state
                .nodes
                .get_mut(&node)
                .map(|row| row.daemon = daemon)
                .map_or(0, |()| 1),
        }
    }
}

fn remove(state: &mut State, resource: Resource, id: Id) -> bool {
    match resource {
        Resource::Locations => state.remove_location(id),
        Resource::Nodes => state.remove_node(id),
        Resource::Allocations => state.remove_allocation(id),
        Resource::Nests => state.remove_nest(id),
        Resource::Eggs => state.remove_egg(id),
        Resource::Servers => state.remove_server(id),
        Resource::Users => state.remove_user(id),
        Resource::ServerDatabases => state.remove_database(id),
        Resource::DatabaseHosts => false,
    }
}

/// A fault as JSON: either what happens to requests, as in
/// `{"strike": {"on": "/api/application/servers", "after": 2, "times": 1, "effect": {"stall": {"seconds": 15}}}}`,
/// or what is wrong with a row or listing until all faults end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderedFault {
    /// Something happens to requests.
    Strike {
        /// Only to those whose path begins so.
        #[serde(default)]
        on: String,
        /// Only to those with this query parameter, as sent.
        #[serde(default)]
        query: Option<String>,
        /// Not to the first so many.
        #[serde(default)]
        after: usize,
        /// So often at most.
        #[serde(default)]
        times: Option<usize>,
        /// With this probability, 0 to 1.
        #[serde(default)]
        probability: Option<f64>,
        /// What happens.
        effect: Effect,
    },
    /// The panel breaks on this row.
    Poison {
        /// Of which table.
        resource: Resource,
        /// Which.
        id: Id,
    },
    /// A field of this row has a value that does not belong there.
    Malformed {
        /// Of which table.
        resource: Resource,
        /// Which row.
        id: Id,
        /// Which field.
        field: String,
        /// The value.
        value: Value,
    },
    /// The listing is empty although its rows are there.
    Empty {
        /// Which listing.
        resource: Resource,
    },
    /// The listing answers an empty 500 to larger pages.
    Memory {
        /// Which listing.
        resource: Resource,
        /// Rows a page that still go well.
        most: usize,
    },
}

impl OrderedFault {
    /// Switches the fault on.
    pub fn switch_on(self, faults: &mut Faults) {
        match self {
            Self::Strike {
                on,
                query,
                after,
                times,
                probability,
                effect,
            } => {
                let mut fault = Fault::new(effect)
                    .on(&on)
                    .after(after)
                    .probability(probability.unwrap_or(1.0));
                if let Some(query) = query {
                    fault = fault.with_query(&query);
                }
                if let Some(times) = times {
                    fault = fault.times(times);
                }
                faults.add(fault);
            }
            Self::Poison { resource, id } => {
                faults.poison.insert((resource, id));
            }
            Self::Malformed {
                resource,
                id,
                field,
                value,
            } => {
                faults.malformed.insert((resource, id), (field, value));
            }
            Self::Empty { resource } => {
                faults.empty.insert(resource);
            }
            Self::Memory { resource, most } => {
                faults.memory.insert(resource, most);
            }
        }
    }
}

/// Rate limits as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrderedLimits {
    /// Requests in a window on the Application API.
    pub application: u32,
    /// Requests in a window on the Client API.
    pub client: u32,
    /// Length of the window in seconds; 60 where it is not given.
    #[serde(default = "a_minute")]
    pub window_seconds: u64,
}

fn a_minute() -> u64 {
    60
}

impl From<OrderedLimits> for RateLimits {
    fn from(
        OrderedLimits {
            application,
            client,
            window_seconds,
        }: OrderedLimits,
    ) -> Self {
        Self {
            application,
            client,
            window: Duration::from_secs(window_seconds),
        }
    }
}

/// A change of what the application keys may read, as in `{"withdraw": "servers"}`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionChange {
    /// None of them may read this any more.
    Withdraw(Resource),
    /// All of them may read this.
    Grant(Resource),
}

impl PermissionChange {
    /// Makes the change.
    pub fn apply(self, access: &mut Access) {
        match self {
            Self::Withdraw(resource) => access.withdraw(resource),
            Self::Grant(resource) => access.grant(resource),
        }
    }
}

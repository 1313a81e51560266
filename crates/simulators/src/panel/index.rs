//! Lookups derived from a [`State`], made anew after every change, so that a page costs its rows and no scan.

use std::collections::{BTreeMap, BTreeSet};

use super::{rows::Id, state::State};

/// Ids of child rows by their parent.
#[derive(Default)]
pub struct Index {
    allocations_by_node: BTreeMap<Id, Vec<Id>>,
    allocations_by_address: BTreeMap<Id, Vec<Id>>,
    allocations_by_server: BTreeMap<Id, Vec<Id>>,
    databases_by_server: BTreeMap<Id, Vec<Id>>,
    databases_by_host: BTreeMap<Id, Vec<Id>>,
    subusers_by_server: BTreeMap<Id, Vec<Id>>,
    servers_by_node: BTreeMap<Id, Vec<Id>>,
    servers_by_user: BTreeMap<Id, Vec<Id>>,
    servers_by_nest: BTreeMap<Id, Vec<Id>>,
    servers_by_egg: BTreeMap<Id, Vec<Id>>,
    nodes_by_location: BTreeMap<Id, Vec<Id>>,
    eggs_by_nest: BTreeMap<Id, Vec<Id>>,
    variables_by_egg: BTreeMap<Id, Vec<Id>>,
    used_by_node: BTreeMap<Id, (i64, i64)>,
    accessible_by_user: BTreeMap<Id, BTreeSet<Id>>,
}

fn group(pairs: impl Iterator<Item = (Id, Id)>) -> BTreeMap<Id, Vec<Id>> {
    let mut groups: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
    for (parent, child) in pairs {
        groups.entry(parent).or_default().push(child);
    }
    groups
}

fn of(groups: &BTreeMap<Id, Vec<Id>>, parent: Id) -> &[Id] {
    groups.get(&parent).map_or(&[], Vec::as_slice)
}

impl Index {
    /// Reads all rows once.
    pub fn new(state: &State) -> Self {
        let allocations_by_node =
            group(state.allocations.values().map(|row| (row.node_id, row.id)));
        let mut allocations_by_address = allocations_by_node.clone();
        for ids in allocations_by_address.values_mut() {
            // The database's unique index sorts the address as text and the port as a number.
            ids.sort_by_key(|id| {
                state
                    .allocations
                    .get(id)
                    .map(|row| (row.ip.as_str(), row.port))
            });
        }
        let mut used_by_node: BTreeMap<Id, (i64, i64)> = BTreeMap::new();
        let mut accessible_by_user: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
        for server in state.servers.values() {
            let used = used_by_node.entry(server.node).or_default();
            used.0 += server.limits.memory;
            used.1 += server.limits.disk;
            accessible_by_user
                .entry(server.user)
                .or_default()
                .insert(server.id);
        }
        for subuser in state.subusers.values() {
            accessible_by_user
                .entry(subuser.user_id)
                .or_default()
                .insert(subuser.server_id);
        }
        let servers = || state.servers.values();
        Self {
            allocations_by_node,
            allocations_by_address,
            allocations_by_server: group(
                state
                    .allocations
                    .values()
                    .filter_map(|row| Some((row.server_id?, row.id))),
            ),
            databases_by_server: group(state.databases.values().map(|row| (row.server, row.id))),
            databases_by_host: group(state.databases.values().map(|row| (row.host, row.id))),
            subusers_by_server: group(state.subusers.values().map(|row| (row.server_id, row.id))),
            servers_by_node: group(servers().map(|row| (row.node, row.id))),
            servers_by_user: group(servers().map(|row| (row.user, row.id))),
            servers_by_nest: group(servers().map(|row| (row.nest, row.id))),
            servers_by_egg: group(servers().map(|row| (row.egg, row.id))),
            nodes_by_location: group(state.nodes.values().map(|row| (row.location_id, row.id))),
            eggs_by_nest: group(state.eggs.values().map(|row| (row.nest, row.id))),
            variables_by_egg: group(state.egg_variables.values().map(|row| (row.egg_id, row.id))),
            used_by_node,
            accessible_by_user,
        }
    }

    /// A node's allocations by id.
    pub fn allocations_of_node(&self, node: Id) -> &[Id] {
        of(&self.allocations_by_node, node)
    }

    /// A node's allocations as its listing orders them: by address as text, then port.
    pub fn allocations_by_address(&self, node: Id) -> &[Id] {
        of(&self.allocations_by_address, node)
    }

    /// A server's allocations.
    pub fn allocations_of_server(&self, server: Id) -> &[Id] {
        of(&self.allocations_by_server, server)
    }

    /// A server's databases.
    pub fn databases_of_server(&self, server: Id) -> &[Id] {
        of(&self.databases_by_server, server)
    }

    /// A host's databases.
    pub fn databases_of_host(&self, host: Id) -> &[Id] {
        of(&self.databases_by_host, host)
    }

    /// A server's subusers.
    pub fn subusers_of_server(&self, server: Id) -> &[Id] {
        of(&self.subusers_by_server, server)
    }

    /// A node's servers.
    pub fn servers_of_node(&self, node: Id) -> &[Id] {
        of(&self.servers_by_node, node)
    }

    /// A user's own servers.
    pub fn servers_of_user(&self, user: Id) -> &[Id] {
        of(&self.servers_by_user, user)
    }

    /// A nest's servers.
    pub fn servers_of_nest(&self, nest: Id) -> &[Id] {
        of(&self.servers_by_nest, nest)
    }

    /// An egg's servers.
    pub fn servers_of_egg(&self, egg: Id) -> &[Id] {
        of(&self.servers_by_egg, egg)
    }

    /// A location's nodes.
    pub fn nodes_of_location(&self, location: Id) -> &[Id] {
        of(&self.nodes_by_location, location)
    }

    /// A nest's eggs.
    pub fn eggs_of_nest(&self, nest: Id) -> &[Id] {
        of(&self.eggs_by_nest, nest)
    }

    /// An egg's variables.
    pub fn variables_of_egg(&self, egg: Id) -> &[Id] {
        of(&self.variables_by_egg, egg)
    }

    /// Memory and disk in MiB that a node's servers are promised.
    pub fn used_on_node(&self, node: Id) -> (i64, i64) {
        self.used_by_node.get(&node).copied().unwrap_or_default()
    }

    /// Whether a user owns a server or is its subuser.
    pub fn may_access(&self, user: Id, server: Id) -> bool {
        self.accessible_by_user
            .get(&user)
            .is_some_and(|servers| servers.contains(&server))
    }
}

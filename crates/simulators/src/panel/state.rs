//! Everything a panel's database holds, with the mutations that a panel makes as one.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::rows::{
    Allocation, Database, DatabaseHost, Egg, EggVariable, Id, Location, Nest, Node, Server,
    Subuser, User,
};

/// The rows of a panel, by id.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Locations.
    pub locations: BTreeMap<Id, Location>,
    /// Nodes.
    pub nodes: BTreeMap<Id, Node>,
    /// Allocations of all nodes.
    pub allocations: BTreeMap<Id, Allocation>,
    /// Nests.
    pub nests: BTreeMap<Id, Nest>,
    /// Eggs of all nests.
    pub eggs: BTreeMap<Id, Egg>,
    /// Variables of all eggs.
    pub egg_variables: BTreeMap<Id, EggVariable>,
    /// Users.
    pub users: BTreeMap<Id, User>,
    /// Servers.
    pub servers: BTreeMap<Id, Server>,
    /// Values by (server, egg variable); without an entry the egg's default applies.
    pub server_variables: BTreeMap<(Id, Id), String>,
    /// Subusers of all servers.
    pub subusers: BTreeMap<Id, Subuser>,
    /// Databases of all servers.
    pub databases: BTreeMap<Id, Database>,
    /// Database hosts.
    pub database_hosts: BTreeMap<Id, DatabaseHost>,
    /// Servers that are being moved; only the Client API shows it.
    pub transfers: BTreeSet<Id>,
    /// Offset of the panel's `APP_TIMEZONE` in minutes, in which databases and their hosts are dated.
    pub utc_offset_minutes: i32,
}

impl State {
    /// Removes a server with its variables, subusers and databases, and frees its allocations, as the panel does.
    /// Says whether there was one.
    pub fn remove_server(&mut self, id: Id) -> bool {
        let known = self.servers.contains_key(&id);
        self.drop_servers(&BTreeSet::from([id]));
        known
    }

    /// Removes the `count` servers with the lowest ids, as [`State::remove_server`] does; returns their ids.
    pub fn remove_servers(&mut self, count: usize) -> Vec<Id> {
        let doomed: BTreeSet<Id> = self.servers.keys().copied().take(count).collect();
        self.drop_servers(&doomed);
        doomed.into_iter().collect()
    }

    fn drop_servers(&mut self, doomed: &BTreeSet<Id>) {
        self.servers.retain(|id, _| !doomed.contains(id));
        self.server_variables
            .retain(|(server, _), _| !doomed.contains(server));
        self.subusers
            .retain(|_, subuser| !doomed.contains(&subuser.server_id));
        self.databases
            .retain(|_, database| !doomed.contains(&database.server));
        self.transfers.retain(|server| !doomed.contains(server));
        for allocation in self.allocations.values_mut() {
            allocation.server_id = allocation
                .server_id
                .filter(|server| !doomed.contains(server));
        }
    }

    fn drop_servers_where(&mut self, is_doomed: impl Fn(&Server) -> bool) {
        let doomed = self.servers.values().filter(|row| is_doomed(row));
        self.drop_servers(&doomed.map(|row| row.id).collect());
    }

    /// Adds a server on the first free allocation, modelled on the server with the lowest id: same node preferred,
    /// same egg and limits, no values, subusers or databases. Returns its id, or `None` where nothing is free or
    /// there is no server to follow.
    pub fn add_server(&mut self, name: &str) -> Option<Id> {
        let model = self.servers.values().next()?.clone();
        let free = self
            .allocations
            .values_mut()
            .filter(|allocation| allocation.server_id.is_none())
            .min_by_key(|allocation| (allocation.node_id != model.node, allocation.id))?;
        let id = self.servers.keys().next_back().map_or(1, |last| last + 1);
        free.server_id = Some(id);
        let server = Server {
            id,
            external_id: None,
            uuid: Uuid::new_v5(
                &Uuid::NAMESPACE_OID,
                format!("added server {id} {name}").as_bytes(),
            ),
            name: name.to_owned(),
            status: None,
            node: free.node_id,
            allocation: free.id,
            ..model
        };
        self.servers.insert(id, server);
        Some(id)
    }

    /// Gives a server another identity under the same id, as a panel that was restored or reinstalled shows it.
    /// Returns the new one, or `None` where there is no such server.
    pub fn replace_server_uuid(&mut self, id: Id) -> Option<Uuid> {
        let server = self.servers.get_mut(&id)?;
        server.uuid = replacement(server.uuid);
        Some(server.uuid)
    }

    /// Gives every row that has a uuid another one under the same id: another panel behind the same address.
    pub fn replace_all_uuids(&mut self) {
        let uuids = self
            .servers
            .values_mut()
            .map(|row| &mut row.uuid)
            .chain(self.users.values_mut().map(|row| &mut row.uuid))
            .chain(self.nodes.values_mut().map(|row| &mut row.uuid))
            .chain(self.nests.values_mut().map(|row| &mut row.uuid))
            .chain(self.eggs.values_mut().map(|row| &mut row.uuid));
        for uuid in uuids {
            *uuid = replacement(*uuid);
        }
    }

    /// Removes an allocation that no server has as its primary one. Says whether it was removed.
    pub fn remove_allocation(&mut self, id: Id) -> bool {
        !self.servers.values().any(|server| server.allocation == id)
            && self.allocations.remove(&id).is_some()
    }

    /// Removes a node with its servers and allocations. Says whether there was one.
    pub fn remove_node(&mut self, id: Id) -> bool {
        self.drop_servers_where(|row| row.node == id);
        self.allocations
            .retain(|_, allocation| allocation.node_id != id);
        self.nodes.remove(&id).is_some()
    }

    /// Removes a location with everything that stands in it. Says whether there was one.
    pub fn remove_location(&mut self, id: Id) -> bool {
        let nodes: Vec<Id> = self
            .nodes
            .values()
            .filter(|row| row.location_id == id)
            .map(|row| row.id)
            .collect();
        for node in nodes {
            self.remove_node(node);
        }
        self.locations.remove(&id).is_some()
    }

    /// Removes an egg with its variables and servers. Says whether there was one.
    pub fn remove_egg(&mut self, id: Id) -> bool {
        self.drop_servers_where(|row| row.egg == id);
        self.egg_variables
            .retain(|_, variable| variable.egg_id != id);
        self.eggs.remove(&id).is_some()
    }

    /// Removes a nest with its eggs. Says whether there was one.
    pub fn remove_nest(&mut self, id: Id) -> bool {
        let eggs: Vec<Id> = self
            .eggs
            .values()
            .filter(|row| row.nest == id)
            .map(|row| row.id)
            .collect();
        for egg in eggs {
            self.remove_egg(egg);
        }
        self.nests.remove(&id).is_some()
    }

    /// Removes a user with the servers owned and the places as subuser. Says whether there was one.
    pub fn remove_user(&mut self, id: Id) -> bool {
        self.drop_servers_where(|row| row.user == id);
        self.subusers.retain(|_, subuser| subuser.user_id != id);
        self.users.remove(&id).is_some()
    }

    /// Removes a database. Says whether there was one.
    pub fn remove_database(&mut self, id: Id) -> bool {
        self.databases.remove(&id).is_some()
    }
}

fn replacement(uuid: Uuid) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, uuid.as_bytes())
}

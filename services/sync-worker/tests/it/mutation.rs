//! What can happen to a panel: one change each, on a row that a number picks.

use proptest::prelude::*;
use simulators::panel::State;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A kind of change.
#[derive(Debug, Clone, Copy)]
pub enum What {
    AddServer,
    RenameServer,
    RemoveServer,
    ReplaceServerUuid,
    SwapServerUuids,
    ChangeOwner,
    GiveAllocation,
    TakeAllocation,
    AddAllocation,
    MoveAllocation,
    RemoveAllocation,
    AddUser,
    RenameUser,
    ReplaceUserUuid,
    RemoveUser,
    RenameNode,
    ReplaceNodeUuid,
    RemoveNode,
    RemoveLocation,
    AddSubuser,
    ChangeSubuser,
    RemoveSubuser,
    SetVariable,
    UnsetVariable,
    AddDatabase,
    RemoveDatabase,
    MoveEgg,
    ReplaceNestUuid,
    RemoveEgg,
}

const ALL: [What; 29] = [
    What::AddServer,
    What::RenameServer,
    What::RemoveServer,
    What::ReplaceServerUuid,
    What::SwapServerUuids,
    What::ChangeOwner,
    What::GiveAllocation,
    What::TakeAllocation,
    What::AddAllocation,
    What::MoveAllocation,
    What::RemoveAllocation,
    What::AddUser,
    What::RenameUser,
    What::ReplaceUserUuid,
    What::RemoveUser,
    What::RenameNode,
    What::ReplaceNodeUuid,
    What::RemoveNode,
    What::RemoveLocation,
    What::AddSubuser,
    What::ChangeSubuser,
    What::RemoveSubuser,
    What::SetVariable,
    What::UnsetVariable,
    What::AddDatabase,
    What::RemoveDatabase,
    What::MoveEgg,
    What::ReplaceNestUuid,
    What::RemoveEgg,
];

/// A change, and the numbers that pick its rows.
#[derive(Debug, Clone, Copy)]
pub struct Mutation {
    what: What,
    first: usize,
    second: usize,
}

impl Mutation {
    pub fn any() -> impl Strategy<Value = Self> {
        (
            proptest::sample::select(&ALL[..]),
            0..1000_usize,
            0..1000_usize,
        )
            .prop_map(|(what, first, second)| Self {
                what,
                first,
                second,
            })
    }

    /// Changes the panel; where there is no row to change, nothing happens.
    pub fn apply(self, state: &mut State) {
        // A panel whose rows are all gone has nothing to pick from.
        let _nothing_to_change = self.change(state);
    }

    fn change(self, state: &mut State) -> Option<()> {
        let Self {
            what,
            first,
            second,
        } = self;
        match what {
            What::AddServer => {
                state.add_server(&format!("server {first}"))?;
            }
            What::RenameServer => {
                let id = nth(&state.servers, first)?;
                state.servers.get_mut(&id)?.name = format!("renamed {second}");
            }
            What::RemoveServer => {
                state.remove_server(nth(&state.servers, first)?);
            }
            What::ReplaceServerUuid => {
                state.replace_server_uuid(nth(&state.servers, first)?)?;
            }
            What::SwapServerUuids => {
                let (one, other) = (nth(&state.servers, first)?, nth(&state.servers, second)?);
                let uuid = state.servers.get(&one)?.uuid;
                let second = std::mem::replace(&mut state.servers.get_mut(&other)?.uuid, uuid);
                state.servers.get_mut(&one)?.uuid = second;
            }
            What::ChangeOwner => {
                let user = nth(&state.users, second)?;
                let id = nth(&state.servers, first)?;
                state.servers.get_mut(&id)?.user = user;
            }
            What::AddUser | What::RenameUser | What::ReplaceUserUuid | What::RemoveUser => {
                return self.change_users(state);
            }
            What::GiveAllocation
            | What::TakeAllocation
            | What::AddAllocation
            | What::MoveAllocation
            | What::RemoveAllocation => return self.change_allocations(state),
            What::RenameNode => {
                let id = nth(&state.nodes, first)?;
                state.nodes.get_mut(&id)?.name = format!("node {second}");
            }
            What::ReplaceNodeUuid => {
                let id = nth(&state.nodes, first)?;
                state.nodes.get_mut(&id)?.uuid = uuid_of("node", first, second);
            }
            What::RemoveNode => {
                state.remove_node(nth(&state.nodes, first)?);
            }
            What::RemoveLocation => {
                state.remove_location(nth(&state.locations, first)?);
            }
            What::MoveEgg => {
                let nest = nth(&state.nests, second)?;
                let id = nth(&state.eggs, first)?;
                state.eggs.get_mut(&id)?.nest = nest;
            }
            What::ReplaceNestUuid => {
                let id = nth(&state.nests, first)?;
                state.nests.get_mut(&id)?.uuid = uuid_of("nest", first, second);
            }
            What::RemoveEgg => {
                state.remove_egg(nth(&state.eggs, first)?);
            }
            _ => return self.change_server_parts(state),
        }
        Some(())
    }

    fn change_users(self, state: &mut State) -> Option<()> {
        let id = nth(&state.users, self.first)?;
        let user = state.users.get_mut(&id)?;
        match self.what {
            What::AddUser => {
                let mut user = user.clone();
                user.id = last(&state.users) + 1;
                user.uuid = uuid_of("user", self.first, user.id as usize);
                user.email = user.email.to_uppercase();
                state.users.insert(user.id, user);
            }
            What::RenameUser => user.username = format!("user{}", self.second),
            What::ReplaceUserUuid => user.uuid = uuid_of("user", self.first, self.second),
            // The key is the first user's: without that one the panel answers nobody.
            _ if id == 1 => return None,
            _ => {
                state.remove_user(id);
            }
        }
        Some(())
    }

    fn change_allocations(self, state: &mut State) -> Option<()> {
        let server = nth(&state.servers, self.second)?;
        let primary =
            |state: &State, id: u32| state.servers.values().any(|row| row.allocation == id);
        let pick = |state: &State, used: bool| {
            let rows: Vec<u32> = state
                .allocations
                .values()
                .filter(|row| row.server_id.is_some() == used && !primary(state, row.id))
                .map(|row| row.id)
                .collect();
            let place = self.first.checked_rem(rows.len())?;
            rows.get(place).copied()
        };
        match self.what {
            What::GiveAllocation => {
                let id = pick(state, false)?;
                state.allocations.get_mut(&id)?.server_id = Some(server);
            }
            // From one server to another, or to none.
            What::TakeAllocation => {
                let id = pick(state, true)?;
                let next = (self.second.is_multiple_of(2)).then_some(server);
                state.allocations.get_mut(&id)?.server_id = next;
            }
            What::AddAllocation => {
                let mut row = state.allocations.values().next()?.clone();
                row.id = last(&state.allocations) + 1;
                row.port = u16::try_from(30_000 + row.id % 30_000).ok()?;
                row.node_id = nth(&state.nodes, self.second)?;
                row.server_id = None;
                state.allocations.insert(row.id, row);
            }
            What::MoveAllocation => {
                let node = nth(&state.nodes, self.second)?;
                let id = pick(state, false)?;
                state.allocations.get_mut(&id)?.node_id = node;
            }
            _ => {
                state.remove_allocation(pick(state, self.second.is_multiple_of(2))?);
            }
        }
        Some(())
    }

    fn change_server_parts(self, state: &mut State) -> Option<()> {
        let server = nth(&state.servers, self.second)?;
        match self.what {
            What::AddSubuser => {
                let mut row = state.subusers.values().next()?.clone();
                row.id = last(&state.subusers) + 1;
                row.server_id = server;
                row.user_id = nth(&state.users, self.first)?;
                state.subusers.insert(row.id, row);
            }
            What::ChangeSubuser => {
                let id = nth(&state.subusers, self.first)?;
                state.subusers.get_mut(&id)?.permissions = vec![format!("file.{}", self.second)];
            }
            What::RemoveSubuser => {
                let id = nth(&state.subusers, self.first)?;
                state.subusers.remove(&id);
            }
            What::SetVariable => {
                let egg = state.servers.get(&server)?.egg;
                let variables = state.egg_variables.values().filter(|row| row.egg_id == egg);
                let variable = variables.map(|row| row.id).next()?;
                let value = format!("value {}", self.first);
                state.server_variables.insert((server, variable), value);
            }
            What::UnsetVariable => {
                let keys: Vec<_> = state.server_variables.keys().copied().collect();
                let place = self.first.checked_rem(keys.len())?;
                state.server_variables.remove(keys.get(place)?);
            }
            What::AddDatabase => {
                let mut row = state.databases.values().next()?.clone();
                row.id = last(&state.databases) + 1;
                row.server = server;
                row.database = format!("s{server}_{}", row.id);
                state.databases.insert(row.id, row);
            }
            _ => {
                state.remove_database(nth(&state.databases, self.first)?);
            }
        }
        Some(())
    }
}

fn nth<T>(rows: &BTreeMap<u32, T>, number: usize) -> Option<u32> {
    rows.keys().nth(number.checked_rem(rows.len())?).copied()
}

fn last<T>(rows: &BTreeMap<u32, T>) -> u32 {
    rows.keys().next_back().copied().unwrap_or_default()
}

fn uuid_of(what: &str, first: usize, second: usize) -> Uuid {
    Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        format!("{what} {first} {second}").as_bytes(),
    )
}

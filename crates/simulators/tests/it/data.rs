//! The invented panels.

use std::collections::BTreeSet;

use simulators::panel::State;

fn counts(state: &State) -> [usize; 11] {
    [
        state.locations.len(),
        state.nodes.len(),
        state.allocations.len(),
        state.nests.len(),
        state.eggs.len(),
        state.egg_variables.len(),
        state.users.len(),
        state.servers.len(),
        state.subusers.len(),
        state.databases.len(),
        state.database_hosts.len(),
    ]
}

/// Every reference finds its row, and what is unique on a panel is unique.
fn assert_sound(state: &State) {
    for server in state.servers.values() {
        let primary = &state.allocations[&server.allocation];
        assert_eq!(
            (primary.server_id, primary.node_id),
            (Some(server.id), server.node),
            "server {}",
            server.id
        );
        assert_eq!(state.eggs[&server.egg].nest, server.nest);
        assert!(state.users.contains_key(&server.user));
    }
    for subuser in state.subusers.values() {
        assert_ne!(
            state.servers[&subuser.server_id].user, subuser.user_id,
            "subuser {}",
            subuser.id
        );
        assert!(state.users.contains_key(&subuser.user_id));
    }
    for database in state.databases.values() {
        assert!(
            state.servers.contains_key(&database.server)
                && state.database_hosts.contains_key(&database.host)
        );
    }
    let addresses: BTreeSet<_> = state
        .allocations
        .values()
        .map(|row| (row.node_id, &row.ip, row.port))
        .collect();
    assert_eq!(addresses.len(), state.allocations.len());
    let subusers: BTreeSet<_> = state
        .subusers
        .values()
        .map(|row| (row.server_id, row.user_id))
        .collect();
    assert_eq!(subusers.len(), state.subusers.len());
    for egg in state.eggs.keys() {
        let names: Vec<_> = state
            .egg_variables
            .values()
            .filter(|row| row.egg_id == *egg)
            .map(|row| &row.env_variable)
            .collect();
        assert_eq!(
            names.iter().collect::<BTreeSet<_>>().len(),
            names.len(),
            "egg {egg}"
        );
    }
}

#[test]
fn the_small_panel_has_a_row_for_every_oddity() {
    let state = State::small();
    assert_eq!(counts(&state), [3, 5, 300, 4, 14, 71, 40, 60, 25, 12, 2]);
    assert_sound(&state);
    let status = |id: u32| state.servers[&id].status.as_deref();
    let statuses = [1, 5, 6, 7, 8, 9].map(status);
    let expected = [
        "installing",
        "install_failed",
        "suspended",
        "restoring_backup",
        "reinstall_failed",
    ]
    .map(Some);
    assert_eq!((statuses[0], &statuses[1..]), (None, &expected[..]));
    assert_eq!(state.servers[&14].description.chars().count(), 17_760);
    assert_eq!(state.servers[&20].name.len(), 382);
    assert!(
        state
            .subusers
            .values()
            .filter(|row| row.permissions.is_empty())
            .count()
            == 4
    );
    assert!(state.server_variables.values().any(String::is_empty));
    let images: Vec<_> = state
        .servers
        .values()
        .filter(|row| row.image.starts_with('~'))
        .map(|row| row.id)
        .collect();
    assert_eq!(images, [33]);
}

#[test]
fn the_large_panel_and_its_tenth_have_the_measured_sizes() {
    let large = State::large();
    assert_eq!(
        counts(&large),
        [10, 50, 100_000, 4, 14, 71, 5_000, 10_000, 4_000, 5_000, 10]
    );
    assert_sound(&large);
    assert_eq!(
        large
            .allocations
            .values()
            .filter(|row| row.server_id.is_some())
            .count(),
        20_000
    );
    assert!(
        (40_000..45_000).contains(&large.server_variables.len()),
        "{}",
        large.server_variables.len()
    );
    let tenth = State::sized(0.1);
    assert_eq!(
        counts(&tenth),
        [1, 5, 10_000, 4, 14, 71, 500, 1_000, 400, 500, 1]
    );
    assert_sound(&tenth);
}

#[test]
fn a_removed_server_takes_along_what_hangs_on_it() {
    let mut state = State::small();
    let server = state.subusers[&10].server_id;
    let owned = state
        .allocations
        .values()
        .filter(|row| row.server_id == Some(server))
        .count();
    assert!(owned > 0 && state.remove_server(server));
    assert!(!state.remove_server(server));
    assert!(state.subusers.values().all(|row| row.server_id != server));
    assert!(state.databases.values().all(|row| row.server != server));
    assert!(state.server_variables.keys().all(|(of, _)| *of != server));
    assert_eq!(state.allocations.len(), 300);
    assert_eq!(
        state
            .allocations
            .values()
            .filter(|row| row.server_id == Some(server))
            .count(),
        0
    );
    assert_eq!(state.remove_servers(3).len(), 3);
    assert!(
        state.remove_node(2)
            && state.remove_nest(1)
            && state.remove_user(5)
            && state.remove_location(3)
    );
    assert_sound(&state);
    let added = state.add_server("added").unwrap();
    assert_eq!(state.servers[&added].name, "added");
    assert_sound(&state);
}

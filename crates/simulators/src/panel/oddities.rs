//! The rows of the small panel that are out of the ordinary, as real panels have them.

use super::state::State;

const LONG_NAME: usize = 191;
const LONG_DESCRIPTION: usize = 17_760;

/// Turns some rows of an ordinary small panel into them.
pub(super) fn add(state: &mut State) {
    let statuses = [
        (5, "installing"),
        (6, "install_failed"),
        (7, "suspended"),
        (8, "restoring_backup"),
        (9, "reinstall_failed"),
    ];
    for (id, status) in statuses {
        if let Some(server) = state.servers.get_mut(&id) {
            server.status = Some(status.to_owned());
        }
    }
    state.transfers.insert(10);
    for server in state.servers.values_mut() {
        match server.id {
            4 => server.external_id = Some("4".to_owned()),
            5 => server.external_id = Some("order/with slash & ünicode".to_owned()),
            9 => server.name = "  blanks on both sides  ".to_owned(),
            14 => {
                let line = "Zeile mit „Anführung“, \"quotes\", <b>tags</b> & 🐉\r\n\t";
                server.description = line.chars().cycle().take(LONG_DESCRIPTION).collect();
            }
            20 => server.name = "ñ".repeat(LONG_NAME),
            _ => {}
        }
    }
    for (subuser, server) in (1..).zip([13, 28, 43, 58]) {
        if let Some(row) = state.subusers.get_mut(&subuser) {
            row.server_id = server;
            row.permissions.clear();
        }
    }
    for user in state.users.values_mut() {
        match user.id {
            3 | 21 => user.root_admin = true,
            7 => user.external_id = Some("0007".to_owned()),
            11 | 12 => (user.first_name, user.last_name) = (None, None),
            _ => {}
        }
    }
}

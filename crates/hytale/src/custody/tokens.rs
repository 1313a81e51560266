//! Where each token lies, sealed: an envelope opens in its own row and column and
//! nowhere else.

use common::crypto::envelope::Aad;

/// A column of an account's row; `row` is `environment/account_id`.
pub(super) fn of_account(column: Column, row: &str) -> Aad<'_> {
    place("hytale_accounts", column, row)
}

/// A column of a login's row; `row` is its id.
pub(super) fn of_flow(column: Column, row: &str) -> Aad<'_> {
    place("hytale_device_flows", column, row)
}

/// A column of a game session's row; `row` is its id.
pub(super) fn of_session(column: Column, row: &str) -> Aad<'_> {
    place("hytale_sessions", column, row)
}

/// The columns that hold tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Access,
    Refresh,
    Session,
    Identity,
    Id,
}

fn place<'a>(table: &'a str, column: Column, row: &'a str) -> Aad<'a> {
    let column = match column {
        Column::Access => "access_token",
        Column::Refresh => "refresh_token",
        Column::Session => "session_token",
        Column::Identity => "identity_token",
        Column::Id => "id_token",
    };
    Aad { table, column, row }
}

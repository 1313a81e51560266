//! Panel APIs turned into the panel model of `common`.
//!
//! [`Pterodactyl`] asks a panel politely (a shared budget, one breaker, jittered
//! retries) and answers in our words: [`Chunk`](common::types::panel::Chunk) for a
//! page of a listing, [`Lookup`](common::types::panel::Lookup) for a row's own
//! address. It never follows a link that a panel sends, never puts anything but
//! numbers into an Application API path, and never keeps a body longer than it
//! takes to read it.
//!
//! What is sure and what is not stays apart: a row is `Gone` only where the panel
//! says so in its own words, a record that cannot be read is reported beside its
//! siblings, and a panel that is away is an error that [`PanelError::is_transient`]
//! tells from the rest.
//!
//! A [`Probe`] asks once whether a key works at an address, wherever somebody says that a
//! panel is; it goes to no network that only we can reach.

mod budget;
mod error;
mod probe;
mod pterodactyl;

pub use budget::{LocalBudget, Window};
pub use error::PanelError;
pub use probe::{PanelKind, Probe, ProbeError, Reach};
pub use pterodactyl::{
    CfAccess, LiveAllocation, LiveSubuser, LiveVariable, PanelSettings, Pterodactyl, ServerDetail,
};
pub use upstream::{Guard, RetryPolicy};

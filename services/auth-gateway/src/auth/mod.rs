//! Who may call.
//!
//! [`Identify`] comes before every handler and finds out whose credentials a request
//! carries. What a route needs is said by the type that its handler takes first: [`Needs`]
//! with one of the requirements. A handler's other extractors see only requests that this
//! one has let in.

mod api_keys;
mod bearers;
mod caller;
mod epoch;
mod identify;
mod key_limits;
mod known;
mod needs;
mod server_logs;
mod signing_keys;
mod verdicts;

pub use api_keys::ApiKeys;
pub use bearers::Bearers;
pub use caller::Caller;
pub use epoch::CredentialEpoch;
pub use identify::{Credentials, Identify, known};
pub use key_limits::KeyLimits;
pub use needs::{
    Administer, BeKnown, MayNeed, Needs, Notify, ReadServerLogs, ReadServers, ReadSyncs, RunSyncs,
    ShareAccounts, UseHytale, WriteServerLogs,
};
pub use server_logs::{may_read, may_write};
pub use signing_keys::SigningKeys;

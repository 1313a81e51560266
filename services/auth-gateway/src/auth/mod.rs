//! Who may call.
//!
//! [`identify`] runs before every handler and finds out whose credentials a request
//! carries; it refuses nothing. What a route needs is said by the type that its handler
//! takes first: [`Needs`] with one of the requirements. A handler's other extractors see
//! only requests that this one has let in.

mod caller;
mod identify;
mod key_limits;
mod key_verdicts;
mod needs;
mod origin;
mod server_logs;

pub use caller::Caller;
pub use identify::identify;
pub use key_limits::KeyLimits;
pub use key_verdicts::KeyVerdicts;
pub use needs::{
    Administer, MayNeed, Needs, ReadServerLogs, ReadServers, ReadSyncs, RunSyncs, UseHytale,
    WriteServerLogs,
};
pub use server_logs::{may_read, may_write};

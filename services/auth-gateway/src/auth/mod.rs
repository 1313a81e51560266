//! Who may call.
//!
//! [`identify`] runs before every handler and finds out whose credentials a request
//! carries; it refuses nothing. What a route needs is said by the type that its handler
//! takes first: [`Needs`] with one of the requirements. A handler's other extractors see
//! only requests that this one has let in.

mod caller;
mod identify;
mod key_verdicts;
mod needs;
mod origin;
mod principal;

pub use identify::identify;
pub use key_verdicts::KeyVerdicts;
pub use needs::{MayNeed, Needs, ReadServers, ReadSyncs, RunSyncs, UseHytale};
pub use principal::principal;

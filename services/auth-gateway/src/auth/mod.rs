//! Who may call.
//!
//! [`identify`] runs before every handler and finds out whose credentials a request
//! carries; it refuses nothing. What a route needs is said by the type that its handler
//! takes first: [`Needs`] with one of the requirements. A handler's other extractors see
//! only requests that this one has let in.

mod api_keys;
mod bearers;
mod caller;
mod epoch;
mod identify;
mod needs;
mod origin;
mod signing_keys;
mod verdicts;

pub use api_keys::ApiKeys;
pub use bearers::Bearers;
pub use epoch::CredentialEpoch;
pub use identify::identify;
pub use needs::{MayNeed, Needs, ReadServers, ReadSyncs, RunSyncs, UseHytale};
pub use signing_keys::SigningKeys;

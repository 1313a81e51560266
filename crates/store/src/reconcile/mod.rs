//! The end of a run: which rows the panel no longer shows, what is removed or
//! held, which links can be resolved by now. The rules (proof, hold) are the
//! worker's; this file answers its questions and carries its decisions out.

mod link;
mod missing;
mod remove;
mod resource;

pub(crate) use link::{link_allocations, main_table};
pub use missing::Listing;
pub use remove::Why;
pub use resource::{Candidate, RemovalScope, Resource, ResourceCounts};

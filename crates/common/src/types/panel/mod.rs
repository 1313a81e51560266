//! What a panel says about itself, in our words. `panels` produces these
//! values, `store` merges them. Ids are the panel's own (`remote_id` in the
//! mirror). Null, empty and absent stay apart: an `Option` is a null.

mod listing;
mod place;
mod server;

pub use listing::{BadRecord, Chunk, Lookup, PageRequest};
pub use place::{Allocation, Egg, EggVariable, Location, Nest, Node, PanelUser};
pub use server::{
    Database, DatabaseHost, Included, Server, ServerIncludes, ServerResources, ServerVariable,
    Subuser,
};

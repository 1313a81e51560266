//! The HTTP manners of every service: each request has an [id](request_id), a line
//! in the log and a figure; each error is JSON, whoever raised it; a panic is a
//! 500, not a dropped connection. [`Observe`] does all of that around an app,
//! [`configure`] sets the limits within it.

mod access;
mod caught;
pub mod client_key;
pub mod error;
mod extract;
mod figures;
mod head;
mod observe;
mod real_ip;
pub mod request_id;

pub use caught::{Caught, caught};
pub use error::ApiError;
pub use extract::{
    BODY_LIMIT, IDLE, READ_TIMEOUT, configure, json_config, path_config, query_config, read_body,
    unserved,
};
pub use observe::Observe;
pub use real_ip::{TrustedProxies, counted_as, real_ip};
pub use request_id::RequestId;

//! The panel's JSON as it is, one file a resource, each with its translation into
//! our model. Fields that the model does not need are not even read: least of all
//! `container.environment`, which is full of customers' secrets.

pub(super) mod database;
pub(super) mod lenient;
pub(super) mod live;
pub(super) mod nest;
pub(super) mod place;
mod relation;
pub(super) mod server;
pub(super) mod user;

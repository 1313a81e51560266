//! The gateway: every caller comes through it.
//!
//! It answers from PostgreSQL and asks for work by writing runs there; the outbox
//! relay then wakes a worker. So a request needs PostgreSQL only: while Redis is
//! away, progress is read instead of heard, and while RabbitMQ is away, idle
//! workers find runs by themselves.
//!
//! `routes` is the map of all addresses, and of the `gate`s on the way to them. A handler
//! takes what it needs from the request by extractors (`auth::Needs` among them), calls the
//! store and puts the row into a wire type. [`openapi`] describes all of it, collected from
//! the same handlers.

mod app;
mod auth;
mod browsers;
mod connections;
mod gate;
mod http;
mod limits;
mod live_panels;
pub mod openapi;
mod refusals;
mod routes;
mod run_feed;
mod state;

pub use app::{App, StartError, StopError, build};

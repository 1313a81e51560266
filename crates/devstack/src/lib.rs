//! Throwaway PostgreSQL, Redis and RabbitMQ for development and tests.
//!
//! [`Stack::start`] uses the servers that `DATABASE_URL`, `REDIS_URL` and `AMQP_URL` name. Where one
//! is not named it starts a private instance from installed binaries, on loopback, in a temporary
//! directory; where the binaries are missing it installs them through apt-get when it may, and else
//! says in one sentence which command would.
//!
//! Nothing outlives us: a [`Guardian`] kills what we started when our end of its pipe closes,
//! which happens on every way to die, Ctrl-C and `kill -9` included.
//!
//! This crate imports nothing of ours, so that anything may use it in development.

mod binaries;
mod guardian;
mod install;
mod ports;
mod postgres;
mod process;
mod rabbitmq;
mod redis;
mod server;
mod stack;
mod tree;

pub use guardian::Guardian;
pub use ports::free_port;
pub use process::Process;
pub use server::Server;
pub use stack::{Durability, Options, Ports, Source, Stack};

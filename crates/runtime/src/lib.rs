//! What makes a process a good citizen: [configuration](config), [logs](log),
//! [metrics], [error reports](sentry), [health], [graceful shutdown](shutdown),
//! the [HTTP](http) manners that all services share, and the [frame](process)
//! that a thin `main.rs` runs in.
//!
//! Nothing here knows PostgreSQL, Redis, RabbitMQ or a panel. What a service must
//! ask of them for its readiness it hands in as [probes](health::Probe).

pub mod config;
pub mod error_chain;
pub mod health;
pub mod http;
pub mod log;
pub mod metrics;
pub mod ops;
pub mod process;
pub mod sentry;
pub mod shutdown;

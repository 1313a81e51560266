//! How outside systems are asked over HTTP.
//!
//! What every client of ours needs, whoever is asked: an HTTP client that goes where
//! it is told and nowhere else ([`client`]), kept off our own network by a [`Guard`], a body read up to a cap ([`read_body`]),
//! failures told apart by whether the request can have arrived ([`Transport`]), the
//! headers that say when to come back ([`retry_after`]), pauses between repetitions
//! ([`RetryPolicy`]) and a circuit breaker ([`Breaker`]).
//!
//! What an answer means is the business of whoever asks.

mod breaker;
mod client;
mod guard;
mod headers;
mod retry;
mod transport;

pub use breaker::{Breaker, Open, Pass};
pub use client::{HttpSettings, check_base, client, client_to};
pub use guard::Guard;
pub use headers::{InvalidHeader, bearer, retry_after, secret_header};
pub use retry::RetryPolicy;
pub use transport::{Transport, read_body};

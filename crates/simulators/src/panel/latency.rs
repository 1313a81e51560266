//! How long answers take: the milliseconds measured on a real panel of 10,000 servers, on two cores that are shared
//! by whatever is being answered at the moment.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// Whether answers take time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latency {
    /// At once.
    #[default]
    None,
    /// The measured milliseconds.
    Measured,
}

/// Milliseconds of work, as the measurements divide among requests, rows and relations.
pub mod cost {
    /// A page of any listing, before its rows.
    pub const LISTING: f64 = 15.0;
    /// A single row's address.
    pub const SINGLE: f64 = 31.0;
    /// The databases of one server.
    pub const DATABASES: f64 = 36.0;
    /// A relation of one server: a query each.
    pub const SERVER_RELATION: f64 = 0.73;
    /// A location, nest, subuser, database or database host.
    pub const SMALL_ROW: f64 = 0.02;
    /// A node: its use takes a query.
    pub const NODE: f64 = 5.0;
    /// An allocation.
    pub const ALLOCATION: f64 = 0.018;
    /// An egg, script included.
    pub const EGG: f64 = 0.3;
    /// A variable.
    pub const VARIABLE: f64 = 0.01;
    /// A server: its environment takes several queries.
    pub const SERVER: f64 = 1.8;
    /// A user.
    pub const USER: f64 = 0.058;
    /// A server of the Client API.
    pub const CLIENT_SERVER: f64 = 7.2;
}

/// Cores of the measured machine.
const CORES: f64 = 2.0;
/// How often a waiting answer looks how many share the cores with it.
const QUANTUM: Duration = Duration::from_millis(4);

/// Cores that everything under way shares equally.
#[derive(Default)]
pub struct Processor {
    under_way: AtomicU32,
}

struct Running<'a>(&'a AtomicU32);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Processor {
    /// Returns once this much work has been done, counted from the call.
    pub async fn work(&self, work: Duration) {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let _running = Running(&self.under_way);
        let mut left = work.as_secs_f64();
        let mut last = Instant::now();
        while left > 0.0 {
            let share = (CORES / f64::from(self.under_way.load(Ordering::Relaxed))).min(1.0);
            let nap = Duration::from_secs_f64(left / share).min(QUANTUM);
            tokio::time::sleep(nap).await;
            let now = Instant::now();
            left -= (now - last).as_secs_f64() * share;
            last = now;
        }
    }
}

//! Loopback ports.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// Below the ephemeral range of Linux (32768 and up) and macOS (49152 and up): while a server is down for
/// a restart, no outgoing connection can take its port.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A loopback port nobody listens on at the moment.
///
/// # Errors
/// When every port of the range is taken.
pub fn free_port() -> Result<u16> {
    // Processes begin at different places so that parallel tests do not race for one port.
    static STEP: AtomicU16 = AtomicU16::new(0);
    let base = std::process::id().wrapping_mul(97) % u32::from(COUNT);
    for _ in 0..COUNT {
        let step = u32::from(STEP.fetch_add(1, Ordering::Relaxed));
        let offset = u16::try_from((base + step) % u32::from(COUNT)).unwrap_or_default();
        let port = FIRST + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between {FIRST} and {}", FIRST + COUNT);
}

//! System tests: services as processes of their own, which are killed, paused and
//! woken, against real servers, which are killed and restarted too. The panel is
//! the simulator, in the test's process. All of it stands in `tests/it`.
//!
//! The processes are the binaries that stand beside the test in the target
//! directory. `cargo nextest run --workspace` builds them; before
//! `cargo nextest run -p e2e`, `cargo build -p sync-worker -p auth-gateway` does.

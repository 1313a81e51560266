//! Asynchronous work from within `Drop`.

use std::future::Future;

/// Runs `work` to its end on a thread and runtime of its own: the test's runtime may already be
/// shutting down, and cannot be blocked on from within.
pub(crate) fn run<F>(work: F)
where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let thread = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?
            .block_on(work)
    });
    // A test that leaves something behind has not failed: the servers are throwaway.
    match thread.join() {
        Ok(Ok(())) => {}
        Ok(Err(reason)) => eprintln!("cleaning up after the test: {reason}"),
        Err(_) => eprintln!("cleaning up after the test panicked"),
    }
}

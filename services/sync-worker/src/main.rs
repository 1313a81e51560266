//! The `sync-worker` process.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::process::run("sync-worker", |process| async move {
        let listener = process.listen_ops()?;
        let worker = sync_worker::build(&process.config, listener, &process.log)?;
        worker.run(process.shutdown).await
    })
}

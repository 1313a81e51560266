//! The `scheduler` process; everything it does is in the library.

use std::process::ExitCode;

use runtime::process;

fn main() -> ExitCode {
    process::run("scheduler", |process| async move {
        let listener = process.listen_ops()?;
        let app = scheduler::build(&process.config, listener, &process.log)?;
        app.run(process.shutdown).await;
        Ok(())
    })
}

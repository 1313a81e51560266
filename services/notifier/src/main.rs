//! The `notifier` process; everything it does is in the library.

use std::process::ExitCode;

use runtime::process;

fn main() -> ExitCode {
    process::run("notifier", |process| async move {
        let listener = process.listen_ops()?;
        let app = notifier::build(&process.config, listener, &process.log)?;
        app.run(process.shutdown).await;
        Ok(())
    })
}

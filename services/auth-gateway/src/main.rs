//! The gateway's process; everything it does is in the library.

use std::process::ExitCode;

use runtime::process;

fn main() -> ExitCode {
    process::run("auth-gateway", |process| async move {
        let listener = process.listen_public()?;
        let app = auth_gateway::build(&process.config, listener, &process.log).await?;
        app.run(process.shutdown).await?;
        Ok(())
    })
}

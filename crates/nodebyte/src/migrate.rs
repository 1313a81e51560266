//! `nodebyte migrate`.

use crate::failure::Failure;
use crate::session::Session;
use serde_json::json;
use std::process::ExitCode;

pub async fn migrate(session: &Session<'_>) -> Result<ExitCode, Failure> {
    let applied = session.store.migrate().await?.versions;
    session.output.show(&json!({ "applied": applied }), || {
        if applied.is_empty() {
            "The database is up to date.".to_owned()
        } else {
            format!("Applied {}.", applied.join(", "))
        }
    })
}

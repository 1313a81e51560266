//! `nodebyte keys`.

use crate::failure::Failure;
use crate::output::Output;
use common::crypto::master::MasterKey;
use secrecy::ExposeSecret;
use serde_json::json;
use std::process::ExitCode;

/// Prints a key: the one place where a secret is shown, because it is nowhere else.
pub fn generate(output: &Output) -> Result<ExitCode, Failure> {
    let key = MasterKey::generate().map_err(Failure::Randomness)?;
    let key = key.expose_secret();
    output.show(&json!({ "encryption_key": key }), || key.to_owned())
}

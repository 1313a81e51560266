//! The keys that our own tokens are signed with, for others to verify them (RFC 7517).

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use common::crypto::bearer::PublicKey;
use serde_json::{Value, json};

use super::failure::Failure;
use crate::state::State;

/// Answers with the key that signs now, and those before it until the last token that
/// they signed has ended. Verifiers read them anew when a token names one that they do
/// not know.
pub async fn jwks(state: Data<State>) -> Result<HttpResponse, Failure> {
    let keys = state.signing_keys.all().await?;
    let keys: Vec<Value> = keys.iter().map(PublicKey::jwk).collect();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .json(json!({ "keys": keys })))
}

//! Requests that may be repeated.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{
    DataType, DefaultOperationRaw, DefaultParameterRaw, Either, ParameterIn,
};
use paperclip::v2::schema::Apiv2Schema;
use ring::digest::{SHA256, digest};
use runtime::http::ApiError;
use serde::Serialize;
use serde_json::json;

/// Characters that an idempotency key may have.
const LONGEST_KEY: usize = 200;

/// The `Idempotency-Key` header: a request repeated with the same key has the effect
/// of one.
#[derive(Debug)]
pub struct IdempotencyKey(pub Option<String>);

impl FromRequest for IdempotencyKey {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut given = request.headers().get_all("idempotency-key");
        let Some(key) = given.next() else {
            return ready(Ok(Self(None)));
        };
        if given.next().is_some() {
            let why = "There must be one Idempotency-Key at most";
            return ready(Err(ApiError::bad_request(why)));
        }
        let key = key
            .to_str()
            .ok()
            .filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
        ready(key.map(|key| Self(Some(key.to_owned()))).ok_or_else(|| {
            ApiError::bad_request("The Idempotency-Key must be 1 to 200 ASCII characters")
        }))
    }
}

/// SHA-256 of what is asked for, as JSON: under one key nothing else may be.
pub fn digest_of(request: &impl Serialize) -> [u8; 32] {
    let mut bytes = [0; 32];
    let request = json!(request).to_string();
    bytes.copy_from_slice(digest(&SHA256, request.as_bytes()).as_ref());
    bytes
}

/// Something else of this kind was asked for with the same key: 409.
pub fn key_reused(kind: &str) -> ApiError {
    let why = format!("Another {kind} was asked for with this Idempotency-Key");
    ApiError::conflict(why).with_code("IDEMPOTENCY_KEY_REUSED")
}

impl Apiv2Schema for IdempotencyKey {}

impl OperationModifier for IdempotencyKey {
    fn update_parameter(operation: &mut DefaultOperationRaw) {
        operation
            .parameters
            .push(Either::Right(DefaultParameterRaw {
                name: "Idempotency-Key".to_owned(),
                in_: ParameterIn::Header,
                description: Some(
                    "1 to 200 ASCII characters; a request repeated with the same key has the \
                 effect of one."
                        .to_owned(),
                ),
                data_type: Some(DataType::String),
                ..DefaultParameterRaw::default()
            }));
    }
}

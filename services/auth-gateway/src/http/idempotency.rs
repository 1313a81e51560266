//! Requests that may be repeated.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{
    DataType, DefaultOperationRaw, DefaultParameterRaw, Either, ParameterIn,
};
use paperclip::v2::schema::Apiv2Schema;
use runtime::http::ApiError;

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
        let Some(given) = request.headers().get("idempotency-key") else {
            return ready(Ok(Self(None)));
        };
        let key = given
            .to_str()
            .ok()
            .filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
        ready(key.map(|key| Self(Some(key.to_owned()))).ok_or_else(|| {
            ApiError::bad_request("The Idempotency-Key must be 1 to 200 ASCII characters")
        }))
    }
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

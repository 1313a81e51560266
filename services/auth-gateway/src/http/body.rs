//! A JSON object in the body, and nowhere else.

use actix_web::dev::Payload;
use actix_web::web::Json;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw};
use paperclip::v2::schema::Apiv2Schema;
use runtime::http::{ApiError, read_body};
use serde::de::DeserializeOwned;

/// What the body says, whatever its content type is. Fields that are not known are
/// ignored.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = read_body(request, payload);
        Box::pin(async move { Ok(Self(object(&body.await?).map_err(ApiError::bad_request)?)) })
    }
}

/// The object that a body holds, or what is wrong with it; no value is repeated.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    // serde would take a list for the fields in their order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err("The body must be a JSON object".to_owned());
    }
    serde_json::from_slice(body).map_err(|at| {
        format!(
            "The body is not the JSON expected here (line {}, column {})",
            at.line(),
            at.column()
        )
    })
}

impl<T: Apiv2Schema> Apiv2Schema for Body<T> {
    fn name() -> Option<String> {
        T::name()
    }

    fn raw_schema() -> DefaultSchemaRaw {
        T::raw_schema()
    }
}

impl<T: Apiv2Schema> OperationModifier for Body<T> {
    fn update_parameter(operation: &mut DefaultOperationRaw) {
        Json::<T>::update_parameter(operation);
    }

    fn update_definitions(map: &mut std::collections::BTreeMap<String, DefaultSchemaRaw>) {
        Json::<T>::update_definitions(map);
    }
}

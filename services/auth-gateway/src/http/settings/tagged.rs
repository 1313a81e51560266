//! Answers with the version of what they show, and requests that are meant for one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_MATCH};
use actix_web::web::Json;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{
    DataType, DefaultOperationRaw, DefaultSchemaRaw, Either, Parameter, ParameterIn,
};
use paperclip::v2::schema::Apiv2Schema;
use serde::Serialize;

/// A JSON answer with its `ETag`.
#[derive(Debug)]
pub struct Tagged<T> {
    /// The version of what it shows.
    pub version: String,
    /// What it shows.
    pub body: T,
}

impl<T: Serialize> Responder for Tagged<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((ETAG, format!("\"{}\"", self.version)))
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(self.body)
    }
}

impl<T: Apiv2Schema> Apiv2Schema for Tagged<T> {
    fn name() -> Option<String> {
        T::name()
    }

    fn raw_schema() -> DefaultSchemaRaw {
        T::raw_schema()
    }
}

impl<T: Apiv2Schema> OperationModifier for Tagged<T> {
    fn update_response(operation: &mut DefaultOperationRaw) {
        Json::<T>::update_response(operation);
    }

    fn update_definitions(map: &mut BTreeMap<String, DefaultSchemaRaw>) {
        Json::<T>::update_definitions(map);
    }
}

/// The versions that a request is meant for (`If-Match`); none: any.
#[derive(Debug, PartialEq, Eq)]
pub struct IfMatch(pub Vec<String>);

impl FromRequest for IfMatch {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers().get_all(IF_MATCH);
        let versions = headers.flat_map(|header| versions(header.as_bytes()));
        let mut versions: Vec<String> = versions.collect();
        if versions.iter().any(|version| version == "*") {
            versions.clear();
        }
        ready(Ok(Self(versions)))
    }
}

/// The tags of a header; what is no text is a tag that matches nothing.
fn versions(header: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(header);
    let tags = text.split(',').map(|tag| {
        let tag = tag.trim();
        tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')
    });
    tags.map(str::to_owned).collect()
}

impl Apiv2Schema for IfMatch {}

impl OperationModifier for IfMatch {
    fn update_parameter(operation: &mut DefaultOperationRaw) {
        operation.parameters.push(Either::Right(Parameter {
            name: "If-Match".to_owned(),
            in_: ParameterIn::Header,
            description: Some(
                "`ETag` of the settings that are meant: if they have changed meanwhile, \
                 nothing is changed (412). Without it the change is made in any case."
                    .to_owned(),
            ),
            data_type: Some(DataType::String),
            required: false,
            ..Parameter::default()
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    async fn read(header: &str) -> Vec<String> {
        let request = TestRequest::get().insert_header((IF_MATCH, header));
        let request = request.to_http_request();
        IfMatch::extract(&request).await.unwrap().0
    }

    #[tokio::test]
    async fn tags_are_read_without_their_quotes() {
        assert_eq!(read("\"a\"").await, ["a"]);
        assert_eq!(read("W/\"a\", \"b\"").await, ["a", "b"]);
        assert!(read("*").await.is_empty());
        assert_eq!(read("").await, [""], "which matches nothing");
    }
}

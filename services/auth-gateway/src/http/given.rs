//! What a caller gives: in the query, in the body, or in both, under the
//! specification's names or those of existing clients.

use actix_web::dev::Payload;
use actix_web::web::{Json, Query};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw, Either};
use paperclip::v2::schema::Apiv2Schema;
use runtime::http::{ApiError, read_body};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::body::{blamed, named, object};

/// Names that mean the same, the specification's first.
const SAME: [(&str, &str); 2] = [("profile_id", "profile_uuid"), ("server_id", "server_uuid")];

/// Characters that a value may have; an access token is the longest.
const LONGEST: usize = 8192;

/// The fields of a request, wherever they stood. Each field of `T` must be an `Option`: what is
/// given as `null` or as empty text comes as `null`.
#[derive(Debug)]
pub struct Given<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Given<T> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let query = Query::<Vec<(String, Value)>>::from_query(request.query_string())
            .map(Query::into_inner)
            .map_err(|_error| ApiError::bad_request("The query string cannot be read"));
        let body = read_body(request, payload);
        Box::pin(async move {
            let fields = join(query?.into_iter().chain(fields_of(&body.await?)?))?;
            let fields = serde_path_to_error::deserialize(Value::Object(fields));
            let fields = fields.map_err(|error| {
                let why = blamed(&error.path().to_string(), error.inner());
                ApiError::bad_request(format!("A field is not what is expected here{why}"))
            })?;
            Ok(Self(fields))
        })
    }
}

/// A body may be left out; what is there is an object.
fn fields_of(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    object(body).map_err(ApiError::bad_request)
}

/// Query and body under the specification's names. What is given twice must be the
/// same. A name stays whatever its value, for it may be one that is not known.
fn join(given: impl IntoIterator<Item = (String, Value)>) -> Result<Map<String, Value>, ApiError> {
    let mut joined = Map::new();
    for (name, value) in given {
        let value = match value {
            Value::String(text) if text.is_empty() => Value::Null,
            value => value,
        };
        if value.as_str().is_some_and(|text| text.len() > LONGEST) {
            let why = format!(
                "A field is longer than {LONGEST} characters{}",
                named(&name)
            );
            return Err(ApiError::bad_request(why));
        }
        let name = SAME
            .into_iter()
            .find(|(_, other)| *other == name)
            .map_or(name, |(name, _)| name.to_owned());
        match joined.get(&name) {
            Some(before) if value.is_null() || *before == value => {}
            Some(Value::Null) | None => {
                joined.insert(name, value);
            }
            Some(_other) => {
                let why = "A field is given twice with different values";
                return Err(ApiError::bad_request(format!("{why}{}", named(&name))));
            }
        }
    }
    Ok(joined)
}

/// A field that is a number, which stands as text in a query.
///
/// # Errors
/// It is none, or none of that kind.
pub fn number<'de, D: Deserializer<'de>, N: TryFrom<i64>>(from: D) -> Result<Option<N>, D::Error> {
    let number = match Value::deserialize(from)? {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let number = number.and_then(|number| N::try_from(number).ok());
    number
        .map(Some)
        .ok_or_else(|| D::Error::custom("no such number"))
}

/// A field that must be there.
///
/// # Errors
/// 400 with its name.
pub fn required(name: &str, value: Option<String>) -> Result<String, ApiError> {
    value.ok_or_else(|| ApiError::bad_request(format!("`{name}` is required")))
}

/// A field that is a UUID, if it is given.
///
/// # Errors
/// 400 with its name.
pub fn uuid(name: &str, value: Option<&str>) -> Result<Option<Uuid>, ApiError> {
    value
        .map(str::parse)
        .transpose()
        .map_err(|_error| ApiError::bad_request(format!("`{name}` must be a UUID")))
}

impl<T: Apiv2Schema> Apiv2Schema for Given<T> {
    fn name() -> Option<String> {
        T::name()
    }

    fn raw_schema() -> DefaultSchemaRaw {
        T::raw_schema()
    }
}

impl<T: Apiv2Schema> OperationModifier for Given<T> {
    fn update_parameter(operation: &mut DefaultOperationRaw) {
        Query::<T>::update_parameter(operation);
        Json::<T>::update_parameter(operation);
        if let Some(Either::Right(body)) = operation.parameters.last_mut() {
            body.required = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn fields_are_taken_from_both_places_under_one_name() {
        let query = map(json!({ "account_id": "a", "profile_uuid": "p" }));
        let body = map(json!({ "profile_id": "p", "server_uuid": "s", "session_id": null }));
        let joined = join(query.into_iter().chain(body)).unwrap();
        assert_eq!(
            Value::Object(joined),
            json!({ "account_id": "a", "profile_id": "p", "server_id": "s", "session_id": null })
        );
    }

    #[test]
    fn what_says_nothing_in_one_place_is_taken_from_the_other() {
        for (query, body) in [("", "a"), ("a", "")] {
            let query = map(json!({ "account_id": query }));
            let joined = join(query.into_iter().chain(map(json!({ "account_id": body }))));
            assert_eq!(joined.unwrap()["account_id"], "a");
        }
    }

    #[test]
    fn a_field_that_says_two_things_is_refused() {
        let query = map(json!({ "profile_id": "p" }));
        let body = map(json!({ "profile_uuid": "other" }));
        assert!(join(query.into_iter().chain(body)).is_err());
    }

    #[test]
    fn so_is_one_that_stands_twice_in_one_body() {
        assert!(fields_of(br#"{"account_id":"a","account_id":"b"}"#).is_err());
        let body = br#"{"profile_id":"a","profile_uuid":"b"}"#;
        assert!(join(fields_of(body).unwrap()).is_err());
    }
}

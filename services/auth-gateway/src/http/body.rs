//! A JSON object in the body, and nowhere else.

use actix_web::dev::Payload;
use actix_web::web::Json;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw, Either};
use paperclip::v2::schema::Apiv2Schema;
use runtime::http::{ApiError, read_body};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::doubled::Doubled;

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

/// What a body says that may be empty, whatever its content type is: clients send
/// `application/json` with no body at all.
#[derive(Debug)]
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + Default + 'static> FromRequest for OptionalBody<T> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = read_body(request, payload);
        Box::pin(async move {
            let body = body.await?;
            if body.trim_ascii().is_empty() {
                return Ok(Self(T::default()));
            }
            Ok(Self(object(&body).map_err(ApiError::bad_request)?))
        })
    }
}

/// The object that a body holds, or what is wrong with it; no value is repeated.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    // serde would take a list for the fields in their order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err("The body must be a JSON object".to_owned());
    }
    let looked = serde_json::from_slice(body);
    if let Ok(Doubled::At(name)) = looked {
        return Err(format!("A field is given twice{}", named(&name)));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| unread(&error.path().to_string(), error.inner()))?;
    reader.end().map_err(|error| unread(".", &error))?;
    // What is ignored may be what hides the rest from whoever looks at it.
    looked.map_err(|error| unread(".", &error))?;
    Ok(read)
}

/// Whether a text in it, or a name, holds the character zero, which PostgreSQL cannot keep.
pub fn holds_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(holds_zero),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || holds_zero(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Longer names are not repeated.
const LONGEST_NAME: usize = 100;

/// Names a field, unless its name is too long to be repeated.
pub fn named(name: &str) -> String {
    if name.len() <= LONGEST_NAME {
        format!(": `{name}`")
    } else {
        String::new()
    }
}

fn unread(path: &str, error: &serde_json::Error) -> String {
    let why = blamed(path, error);
    let (line, column) = (error.line(), error.column());
    format!("The body is not the JSON expected here{why} (line {line}, column {column})")
}

/// Names the field, where one is to blame.
pub fn blamed(path: &str, error: &serde_json::Error) -> String {
    let said = error.to_string();
    let name = said.split('`').nth(1).filter(|it| it.len() <= LONGEST_NAME);
    match name {
        Some(name) if said.starts_with("unknown field") => format!(": there is no field `{name}`"),
        Some(name) if said.starts_with("missing field") => format!(": `{name}` is missing"),
        _ if error.is_data() && path != "." && path.len() <= LONGEST_NAME => {
            format!(": the value of `{path}` is not of its type")
        }
        _ => String::new(),
    }
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

impl<T: Apiv2Schema> Apiv2Schema for OptionalBody<T> {
    fn name() -> Option<String> {
        T::name()
    }

    fn raw_schema() -> DefaultSchemaRaw {
        T::raw_schema()
    }
}

impl<T: Apiv2Schema> OperationModifier for OptionalBody<T> {
    fn update_parameter(operation: &mut DefaultOperationRaw) {
        Json::<T>::update_parameter(operation);
        if let Some(Either::Right(body)) = operation.parameters.last_mut() {
            body.required = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde::de::IgnoredAny;
    use std::collections::BTreeMap;

    #[test]
    fn a_zero_is_found_wherever_it_stands_and_nothing_else_is_taken_for_one() {
        for holds in [r#""\u0000""#, r#"[1,["a\u0000"]]"#, r#"{"a":{"\u0000":1}}"#] {
            assert!(holds_zero(&serde_json::from_str(holds).unwrap()), "{holds}");
        }
        for not in [r#""\\u0000""#, "0", r#"{"a":[null,"0",false]}"#] {
            assert!(!holds_zero(&serde_json::from_str(not).unwrap()), "{not}");
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read by nobody")]
    struct Wish {
        to: String,
        data: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read by nobody")]
    struct Inner {
        count: u32,
    }

    #[test]
    fn whoever_sends_something_wrong_learns_which_field_and_no_value() {
        for (body, why) in [
            (
                r#"{"to":7}"#,
                ": the value of `to` is not of its type (line 1, column 7)",
            ),
            (
                r#"{"tO":"a"}"#,
                ": there is no field `tO` (line 1, column 5)",
            ),
            (r#"{"data":null}"#, ": `to` is missing (line 1, column 13)"),
            (
                r#"{"to":"a","data":{"count":"s3cret"}}"#,
                ": the value of `data.count` is not of its type (line 1, column 34)",
            ),
            (r#"{"to":"a"} x"#, " (line 1, column 12)"),
            (r#"{"to":"a""#, " (line 1, column 9)"),
        ] {
            let refused = object::<Wish>(body.as_bytes()).unwrap_err();
            let expected = format!("The body is not the JSON expected here{why}");
            assert_eq!(refused, expected, "{body}");
        }
        for twice in [
            r#"{"to":"a","\u0074o":"a"}"#,
            r#"{"to":[1,{"to":1,"to":2}]}"#,
        ] {
            let refused = object::<Wish>(twice.as_bytes()).unwrap_err();
            assert_eq!(refused, "A field is given twice: `to`", "{twice}");
        }
        for unreadable in [&"[".repeat(130), "1e999", r#""\ud800""#] {
            let closed = "]".repeat(unreadable.matches('[').count());
            let body = format!(r#"{{"x":{unreadable}{closed},"data":{{"a":1,"a":2}}}}"#);
            object::<BTreeMap<String, IgnoredAny>>(body.as_bytes()).unwrap_err();
        }
        assert!(object::<Wish>(br#"["a"]"#).unwrap_err().contains("object"));
        object::<Wish>(br#"{"to":"a"} "#).unwrap();
    }
}

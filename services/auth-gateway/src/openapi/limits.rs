//! The fields of rate limits, on every answer of every operation that is limited.

use serde_json::{Map, Value, json};

/// Each with what it says.
const FIELDS: [(&str, &str, &str); 5] = [
    (
        "X-RateLimit-Limit",
        "integer",
        "Requests of the limit that holds here: the strict one, where the operation has one, \
         else the caller's general one",
    ),
    (
        "X-RateLimit-Remaining",
        "integer",
        "Requests that could follow at once; of a general limit perhaps a few more",
    ),
    (
        "X-RateLimit-Reset",
        "integer",
        "When none of it is used any more, in seconds since 1970",
    ),
    (
        "RateLimit",
        "string",
        "The state of each limit that the request was counted against \
         (draft-ietf-httpapi-ratelimit-headers): `r` requests are left, all are back in `t` \
         seconds",
    ),
    (
        "RateLimit-Policy",
        "string",
        "Each of these limits: `q` requests in `w` seconds",
    ),
];

const RETRY_AFTER: &str = "Retry-After";

/// The definitions, for the document's components.
pub(super) fn components() -> Value {
    let field = |kind: &str, text: &str| json!({ "description": text, "schema": { "type": kind } });
    let mut components: Map<String, Value> = FIELDS
        .iter()
        .map(|(name, kind, text)| ((*name).to_owned(), field(kind, text)))
        .collect();
    let text = "Seconds after which the same request may succeed";
    components.insert(RETRY_AFTER.to_owned(), field("integer", text));
    Value::Object(components)
}

/// Puts the time after which to come back on an answer.
pub(super) fn describe_late(response: &mut Value) {
    let reference = format!("#/components/headers/{RETRY_AFTER}");
    response["headers"][RETRY_AFTER] = json!({ "$ref": reference });
}

/// Puts the fields on an answer.
pub(super) fn describe(status: &str, response: &mut Value) {
    // Where it may stand: not yet, not now, too often.
    if matches!(status, "202" | "400" | "409" | "429" | "503") {
        describe_late(response);
    }
    for name in FIELDS.iter().map(|field| field.0) {
        let reference = format!("#/components/headers/{name}");
        response["headers"][name] = json!({ "$ref": reference });
    }
}

//! What the body of a message may hold.

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::refusal;
use crate::reply::Reply;

const CONTENT: usize = 2000;
const USERNAME: usize = 80;
const EMBEDS: usize = 10;
const FIELDS: usize = 25;
const TITLE: usize = 256;
const DESCRIPTION: usize = 4096;
const FIELD_NAME: usize = 256;
const FIELD_VALUE: usize = 1024;
const FOOTER: usize = 2048;
const AUTHOR: usize = 256;
/// Of all texts of all embeds of a message together.
const EMBEDS_SUM: usize = 6000;

/// Looks through the body of a message, which for a changed one is the body after the change.
///
/// # Errors
/// The refusal that it deserves.
pub fn check(body: &Value) -> Result<(), Reply> {
    let mut form = Form::default();
    form.message(body);
    if !form.errors.is_empty() {
        return Err(refusal::invalid_form(Value::Object(form.errors)));
    }
    if form.shown {
        Ok(())
    } else {
        Err(refusal::empty_message())
    }
}

/// Errors by path, and what else was seen on the way.
#[derive(Default)]
struct Form {
    errors: Map<String, Value>,
    /// Whether there is anything to show.
    shown: bool,
    /// Length of all texts of embeds so far.
    sum: usize,
}

impl Form {
    fn refuse(&mut self, path: &[&str], code: &str, message: &str) {
        let mut place = &mut self.errors;
        for part in path {
            let next = place.entry(*part).or_insert_with(|| json!({}));
            // Errors lie at the ends of paths, so that everything on the way is an object.
            let Some(next) = next.as_object_mut() else {
                return;
            };
            place = next;
        }
        let error = json!({ "code": code, "message": message });
        let errors = place.entry("_errors").or_insert_with(|| json!([]));
        if let Some(errors) = errors.as_array_mut() {
            errors.push(error);
        }
    }

    /// The length of a text, which is trimmed before it is counted, in UTF-16 units.
    fn text(&mut self, value: &Value, path: &[&str], most: usize) -> usize {
        let text = match value {
            Value::Null => return 0,
            Value::String(text) => text.trim(),
            _ => {
                self.refuse(path, "STRING_TYPE_CONVERT", "This is no text.");
                return 0;
            }
        };
        let length = text.encode_utf16().count();
        if length > most {
            let message = format!("Must be {most} or fewer in length.");
            self.refuse(path, "BASE_TYPE_MAX_LENGTH", &message);
        }
        length
    }

    fn required(&mut self, value: &Value, path: &[&str], most: usize) -> usize {
        let length = self.text(value, path, most);
        if length == 0 && (value.is_null() || value.is_string()) {
            self.refuse(path, "BASE_TYPE_REQUIRED", "This field is required.");
        }
        length
    }

    fn url(&mut self, value: &Value, path: &[&str]) {
        let Some(text) = value.as_str() else {
            if !value.is_null() {
                self.refuse(path, "STRING_TYPE_CONVERT", "This is no text.");
            }
            return;
        };
        match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {}
            Ok(_) => self.refuse(path, "URL_TYPE_INVALID_SCHEME", "Must be http or https."),
            Err(_) => self.refuse(path, "URL_TYPE_INVALID_URL", "This is no address."),
        }
    }

    fn message(&mut self, body: &Value) {
        if !body.is_object() {
            self.refuse(&[], "DICT_TYPE_CONVERT", "This is no object.");
            return;
        }
        self.shown |= self.text(&body["content"], &["content"], CONTENT) > 0;
        self.username(&body["username"]);
        self.url(&body["avatar_url"], &["avatar_url"]);
        self.mentions(&body["allowed_mentions"]);
        self.embeds(&body["embeds"]);
    }

    fn username(&mut self, username: &Value) {
        if username.is_null() {
            return;
        }
        self.required(username, &["username"], USERNAME);
        let name = username.as_str().unwrap_or_default().to_lowercase();
        for word in ["clyde", "discord"] {
            if name.contains(word) {
                let message = format!("Must not contain \"{word}\".");
                self.refuse(&["username"], "USERNAME_INVALID_CONTAINS", &message);
            }
        }
    }

    fn mentions(&mut self, mentions: &Value) {
        let parse = mentions["parse"].as_array();
        for (place, kind) in parse.into_iter().flatten().enumerate() {
            if !matches!(kind.as_str(), Some("roles" | "users" | "everyone")) {
                let path = ["allowed_mentions", "parse", &place.to_string()];
                self.refuse(
                    &path,
                    "BASE_TYPE_CHOICES",
                    "Must be one of those there are.",
                );
            }
        }
    }

    fn embeds(&mut self, embeds: &Value) {
        let embeds = match embeds {
            Value::Null => return,
            Value::Array(embeds) => embeds,
            _ => {
                self.refuse(&["embeds"], "LIST_TYPE_CONVERT", "This is no list.");
                return;
            }
        };
        if embeds.len() > EMBEDS {
            let message = format!("Must be {EMBEDS} or fewer in length.");
            self.refuse(&["embeds"], "BASE_TYPE_MAX_LENGTH", &message);
        }
        for (place, embed) in embeds.iter().enumerate() {
            self.embed(embed, &place.to_string());
        }
        if self.sum > EMBEDS_SUM {
            let message = format!("All embeds together must be {EMBEDS_SUM} or fewer in length.");
            self.refuse(&["embeds"], "MAX_EMBED_SIZE_EXCEEDED", &message);
        }
    }

    fn embed(&mut self, embed: &Value, place: &str) {
        let at = ["embeds", place];
        if !embed.is_object() {
            self.refuse(&at, "DICT_TYPE_CONVERT", "This is no object.");
            return;
        }
        let before = self.sum;
        for (field, most) in [("title", TITLE), ("description", DESCRIPTION)] {
            self.sum += self.text(&embed[field], &["embeds", place, field], most);
        }
        for (part, field, most) in [("footer", "text", FOOTER), ("author", "name", AUTHOR)] {
            if !embed[part].is_null() {
                let path = ["embeds", place, part, field];
                self.sum += self.required(&embed[part][field], &path, most);
            }
        }
        self.fields(&embed["fields"], place);
        self.shown |= self.sum > before;
        self.url(&embed["url"], &["embeds", place, "url"]);
        for part in ["image", "thumbnail"] {
            let address = &embed[part]["url"];
            self.url(address, &["embeds", place, part, "url"]);
            self.shown |= address.is_string();
        }
        for (part, field) in [
            ("footer", "icon_url"),
            ("author", "icon_url"),
            ("author", "url"),
        ] {
            self.url(&embed[part][field], &["embeds", place, part, field]);
        }
        let color = &embed["color"];
        if !color.is_null() && color.as_u64().is_none_or(|color| color > 0xFF_FFFF) {
            let path = ["embeds", place, "color"];
            self.refuse(&path, "NUMBER_TYPE_MAX", "Must be from 0 to 16777215.");
        }
        let timestamp = &embed["timestamp"];
        let instant = timestamp.as_str().map(DateTime::parse_from_rfc3339);
        if !timestamp.is_null() && !matches!(instant, Some(Ok(_))) {
            let path = ["embeds", place, "timestamp"];
            self.refuse(
                &path,
                "DATE_TIME_TYPE_PARSE",
                "This is no ISO 8601 instant.",
            );
        }
    }

    fn fields(&mut self, fields: &Value, place: &str) {
        let fields = fields.as_array().map(Vec::as_slice).unwrap_or_default();
        if fields.len() > FIELDS {
            let message = format!("Must be {FIELDS} or fewer in length.");
            self.refuse(
                &["embeds", place, "fields"],
                "BASE_TYPE_MAX_LENGTH",
                &message,
            );
        }
        for (number, field) in fields.iter().enumerate() {
            let number = number.to_string();
            for (part, most) in [("name", FIELD_NAME), ("value", FIELD_VALUE)] {
                let path = ["embeds", place, "fields", &number, part];
                self.sum += self.required(&field[part], &path, most);
            }
        }
    }
}

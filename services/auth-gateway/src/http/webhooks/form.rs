//! What a form asks of a webhook, and whether that can be.

use common::subscription::{Condition, MAX_CONDITIONS, MAX_PATTERNS, Pattern};
use common::types::webhook::UnknownWord;
use paperclip::actix::Apiv2Schema;
use runtime::http::ApiError;
use serde::Deserialize;
use serde_json::Value;
use store::WebhookChange;

use super::failure::field;
use crate::http::body::holds_zero;

/// Characters of a name, at most.
const LONGEST_NAME: usize = 100;
/// Characters of a description, at most.
const LONGEST_DESCRIPTION: usize = 1000;

/// A webhook to make.
#[derive(Debug, Deserialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookForm {
    /// What people call it, at most 100 characters.
    pub(super) name: Option<String>,
    /// A webhook of Discord, or the address of a system that checks our signature.
    pub(super) webhook_url: Option<String>,
    /// GAME_SERVER, VPS, SYSTEM, BILLING, SECURITY, SUPPORT or CUSTOM; without it SYSTEM.
    #[serde(rename = "type")]
    pub(super) about: Option<String>,
    /// ADMIN, USER or PUBLIC; without it ADMIN.
    pub(super) scope: Option<String>,
    /// What it is for, at most 1000 characters.
    pub(super) description: Option<String>,
    /// Whether anything is sent; of a new one true without it. What comes meanwhile is kept,
    /// and sent when it is enabled.
    pub(super) enabled: Option<bool>,
    /// Patterns of event types, for example `panel.server.*`; none: every type.
    pub(super) events: Option<Vec<String>>,
    /// What the event's fields must be, for example
    /// `{"field": "data.kind", "equals": "full"}`. All must hold; one that no event could ever
    /// pass by itself is refused.
    pub(super) conditions: Option<Vec<Value>>,
}

impl WebhookForm {
    /// The address, if one is given.
    pub(super) fn url(&self) -> Option<&str> {
        let given = self.webhook_url.as_deref().map(str::trim);
        given.filter(|text| !text.is_empty())
    }

    /// What is wished, but for the address.
    pub(super) fn wish(&self) -> Result<WebhookChange, ApiError> {
        let name = self
            .name
            .as_deref()
            .map(str::trim)
            .filter(|it| !it.is_empty());
        let given = |text: &Option<String>| text.clone().filter(|it| !it.is_empty());
        let word = |name: &str, why: String| field(name, format!("`{name}` {why}"));
        Ok(WebhookChange {
            name: name
                .map(|it| short("name", it, LONGEST_NAME, false))
                .transpose()?,
            about: given(&self.about)
                .map(|it| {
                    it.parse()
                        .map_err(|why: UnknownWord| word("type", why.to_string()))
                })
                .transpose()?,
            scope: given(&self.scope)
                .map(|it| {
                    it.parse()
                        .map_err(|why: UnknownWord| word("scope", why.to_string()))
                })
                .transpose()?,
            description: self
                .description
                .as_deref()
                .map(|it| short("description", it, LONGEST_DESCRIPTION, true))
                .transpose()?,
            enabled: self.enabled,
            events: self.events.as_deref().map(patterns).transpose()?,
            conditions: self.conditions.as_deref().map(conditions).transpose()?,
            ..WebhookChange::default()
        })
    }
}

fn short(name: &str, text: &str, longest: usize, breaks: bool) -> Result<String, ApiError> {
    if text.chars().count() > longest {
        let why = format!("`{name}` must have at most {longest} characters");
        return Err(field(name, why));
    }
    // PostgreSQL's text cannot hold U+0000, and people read the rest.
    if text.contains(|it: char| it.is_control() && !(breaks && it == '\n')) {
        let why = format!("`{name}` must not hold control characters");
        return Err(field(name, why));
    }
    Ok(text.to_owned())
}

fn patterns(given: &[String]) -> Result<Vec<String>, ApiError> {
    if given.len() > MAX_PATTERNS {
        let why = format!("`events` must have at most {MAX_PATTERNS} patterns");
        return Err(field("events", why));
    }
    let read = given.iter().map(|text| {
        let pattern = Pattern::parse(text).map_err(|why| field("events", why.to_string()))?;
        Ok(pattern.as_str().to_owned())
    });
    read.collect()
}

fn conditions(given: &[Value]) -> Result<Value, ApiError> {
    if given.len() > MAX_CONDITIONS {
        let why = format!("`conditions` must have at most {MAX_CONDITIONS} entries");
        return Err(field("conditions", why));
    }
    for it in given {
        let fields = it.as_object().map_or(0, serde_json::Map::len);
        let read = serde_json::from_value::<Condition>(it.clone()).ok();
        let read = read.filter(|_| fields == 2 && !holds_zero(it));
        let Some(condition) = read else {
            let why = "A condition has a `field` and one of `equals`, `not`, `in`, `above`, `below` and `exists`";
            return Err(field("conditions", why));
        };
        condition
            .check()
            .map_err(|why| field("conditions", why.to_string()))?;
    }
    Ok(Value::Array(given.to_vec()))
}

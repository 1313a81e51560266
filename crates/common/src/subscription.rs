//! Which events a webhook is told of: a pure decision over what the webhook asks for.

use crate::types::event::{Event, EventType};
use crate::types::webhook::{Audience, WebhookScope, WebhookType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Patterns of a webhook, at most.
pub const MAX_PATTERNS: usize = 50;
/// Conditions of a webhook, at most.
pub const MAX_CONDITIONS: usize = 20;
/// Characters of a pattern or of a condition's field, at most.
pub const MAX_TEXT: usize = 200;
/// Characters of a value that a condition compares with, at most; of what is no text, in JSON.
pub const MAX_VALUE: usize = 1000;

/// What a webhook asks for. Everything in it must agree.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Events of this type …
    pub about: WebhookType,
    /// … that this scope may see …
    pub scope: WebhookScope,
    /// … whose name fits one of these patterns, if there are any …
    pub events: Vec<Pattern>,
    /// … and whose fields are like this.
    pub conditions: Vec<Condition>,
}

impl Subscription {
    /// Whether the webhook `own` (its id as text) is told of an event. What is said about
    /// a webhook is never told to that webhook: it may be the one that cannot be reached.
    #[must_use]
    pub fn wants(&self, event: &Event, own: &str) -> bool {
        let audience =
            EventType::named(&event.event_type).map_or(Audience::UNKNOWN, EventType::audience);
        audience.includes(self.about, self.scope)
            && (self.events.is_empty() || self.events.iter().any(|it| it.fits(&event.event_type)))
            && self.conditions.iter().all(|it| it.holds(event))
            && !(event.event_type.starts_with("webhook.") && event.subject == own)
    }
}

/// A pattern of event types: words between dots, of which `*` stands for one, and at the
/// end for one or more. `panel.server.*`, `*.created`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

/// The text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pattern is words of a-z, 0-9, `_` and `-`, or `*`, with dots between, at most 200 characters"
)]
pub struct NotAPattern;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`NotAPattern`].
    pub fn parse(text: &str) -> Result<Self, NotAPattern> {
        let is_word = |word: &str| {
            word == "*"
                || (!word.is_empty()
                    && word.bytes().all(|it| {
                        it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_' || it == b'-'
                    }))
        };
        if text.len() <= MAX_TEXT && text.split('.').all(is_word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAPattern)
        }
    }

    /// The pattern as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fits(&self, event_type: &str) -> bool {
        let mut words = event_type.split('.');
        let mut wanted = self.0.split('.').peekable();
        while let Some(pattern) = wanted.next() {
            let Some(word) = words.next() else {
                return false;
            };
            if pattern == "*" && wanted.peek().is_none() {
                return true;
            }
            if pattern != "*" && pattern != word {
                return false;
            }
        }
        words.next().is_none()
    }
}

/// What a field of the event must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// The field in the event's JSON, with dots between the levels: `subject`,
    /// `data.panel_id`, `data.held.0`.
    pub field: String,
    /// What it is compared by.
    #[serde(flatten)]
    pub test: Test,
}

/// How a field is compared. A field that is not there passes none but `exists: false` and
/// `not`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// It is this value.
    Equals(Value),
    /// It is anything else.
    Not(Value),
    /// It is one of these values.
    In(Vec<Value>),
    /// It is a number above this one.
    Above(f64),
    /// It is a number below this one.
    Below(f64),
    /// It is there, or is not.
    Exists(bool),
}

/// The condition can never hold, or is too long to be looked at for every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConditionRefused {
    /// No event has such a field.
    #[error(
        "`field` must be `id`, `source`, `type`, `subject`, or a path below `data` like `data.kind`, at most {MAX_TEXT} characters"
    )]
    Field,
    /// The attributes of an event are texts, and never absent.
    #[error("`id`, `source`, `type` and `subject` are always there and always text")]
    Text,
    /// Nothing is one of no values.
    #[error("`in` must name at least one value")]
    NoValue,
    /// The value is too long.
    #[error("A condition's value must have at most {MAX_VALUE} characters")]
    Value,
}

impl Condition {
    /// Whether it may be asked for: some event could pass.
    ///
    /// # Errors
    /// [`ConditionRefused`].
    pub fn check(&self) -> Result<(), ConditionRefused> {
        let mut path = self.field.split('.');
        let of_data = path.next() == Some("data");
        let attribute = ["id", "source", "type", "subject"].contains(&&*self.field);
        let steps: Vec<&str> = path.collect();
        let is_below = !steps.is_empty() && steps.iter().all(|step| !step.is_empty());
        let known = attribute || (of_data && is_below);
        if !known || self.field.len() > MAX_TEXT {
            return Err(ConditionRefused::Field);
        }
        let values = match &self.test {
            Test::Equals(value) | Test::Not(value) => std::slice::from_ref(value),
            Test::In(values) if values.is_empty() => return Err(ConditionRefused::NoValue),
            Test::In(values) => values,
            Test::Above(_) | Test::Below(_) | Test::Exists(_) => &[],
        };
        let fits_text = match &self.test {
            Test::Equals(_) | Test::In(_) => values.iter().any(Value::is_string),
            Test::Exists(wanted) => *wanted,
            Test::Above(_) | Test::Below(_) => false,
            Test::Not(_) => true,
        };
        if attribute && !fits_text {
            return Err(ConditionRefused::Text);
        }
        if values.iter().any(|it| length(it) > MAX_VALUE) {
            return Err(ConditionRefused::Value);
        }
        Ok(())
    }

    fn holds(&self, event: &Event) -> bool {
        let found = self.find(event);
        let number = || found.as_ref().and_then(Value::as_f64);
        match &self.test {
            Test::Equals(value) => found.as_ref() == Some(value),
            Test::Not(value) => found.as_ref() != Some(value),
            Test::In(values) => found.as_ref().is_some_and(|it| values.contains(it)),
            Test::Above(bound) => number().is_some_and(|it| it > *bound),
            Test::Below(bound) => number().is_some_and(|it| it < *bound),
            Test::Exists(wanted) => found.is_some() == *wanted,
        }
    }

    fn find(&self, event: &Event) -> Option<Value> {
        let mut path = self.field.split('.');
        let first = path.next()?;
        if first != "data" {
            // Of the attributes, which are texts, none has anything below it.
            let text = match first {
                "id" => event.id.to_string(),
                "source" => event.source.clone(),
                "type" => event.event_type.clone(),
                "subject" => event.subject.clone(),
                _ => return None,
            };
            return path.next().is_none().then(|| Value::from(text));
        }
        path.try_fold(&event.data, |value, step| match value {
            Value::Object(fields) => fields.get(step),
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
        .cloned()
    }
}

fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        other => other.to_string().chars().count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use serde_json::json;

    fn event(event_type: EventType, subject: &str, data: Value) -> Event {
        Event::new(event_type, subject, DateTime::UNIX_EPOCH, data)
    }

    fn condition(json: Value) -> Condition {
        serde_json::from_value(json).expect("a condition")
    }

    #[test]
    fn a_star_is_one_word_and_at_the_end_one_or_more() {
        let fits = |pattern, name| Pattern::parse(pattern).expect("a pattern").fits(name);
        assert!(fits("*", "panel.server.created"));
        assert!(fits("panel.*", "panel.server.created"));
        assert!(fits("panel.*.created", "panel.server.created"));
        assert!(fits("sync.completed", "sync.completed"));
        assert!(!fits("panel.*.deleted", "panel.server.created"));
        assert!(!fits("panel.server", "panel.server.created"));
        assert!(!fits("panel.server.created.*", "panel.server.created"));
        assert!(!fits("*.created", "panel.server.created"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "a..b", "Panel.*", "pa*", ".", "a b", "a.\u{e9}"] {
            assert_eq!(Pattern::parse(text), Err(NotAPattern), "{text}");
        }
        assert!(Pattern::parse(&"a".repeat(201)).is_err());
    }

    #[test]
    fn conditions_look_into_the_event() {
        let event = event(
            EventType::SyncCompleted,
            "run",
            json!({"kind": "full", "items_failed": 3, "held": [{"rows": 7}]}),
        );
        let holds = |json| condition(json).holds(&event);
        assert!(holds(json!({"field": "data.kind", "equals": "full"})));
        assert!(holds(
            json!({"field": "data.kind", "in": ["users", "full"]})
        ));
        assert!(holds(json!({"field": "data.items_failed", "above": 2})));
        assert!(holds(json!({"field": "data.held.0.rows", "below": 7.5})));
        assert!(holds(json!({"field": "subject", "equals": "run"})));
        assert!(holds(json!({"field": "data.error", "exists": false})));
        assert!(holds(json!({"field": "data.error", "not": "timeout"})));
        assert!(!holds(json!({"field": "data.kind", "not": "full"})));
        assert!(!holds(json!({"field": "data.items_failed", "above": 3})));
        assert!(!holds(json!({"field": "data.kind", "above": 1})));
        assert!(!holds(json!({"field": "subject.x", "exists": true})));
    }

    #[test]
    fn a_webhook_is_not_told_about_itself() {
        let wants = |event: &Event, own| {
            Subscription {
                about: EventType::WebhookFailing.audience().about,
                scope: WebhookScope::Admin,
                events: Vec::new(),
                conditions: Vec::new(),
            }
            .wants(event, own)
        };
        let failing = event(EventType::WebhookFailing, "me", json!({}));
        assert!(!wants(&failing, "me"));
        assert!(wants(&failing, "another"));
    }

    #[test]
    fn an_event_that_nobody_knows_is_for_custom_webhooks_of_admins() {
        let mut unknown = event(EventType::SyncStarted, "s", json!({}));
        unknown.event_type = "shop.order_paid".to_owned();
        let wants = |about, scope| {
            Subscription {
                about,
                scope,
                events: Vec::new(),
                conditions: Vec::new(),
            }
            .wants(&unknown, "")
        };
        assert!(wants(WebhookType::Custom, WebhookScope::Admin));
        assert!(!wants(WebhookType::Custom, WebhookScope::User));
        assert!(!wants(WebhookType::System, WebhookScope::Admin));
    }
}

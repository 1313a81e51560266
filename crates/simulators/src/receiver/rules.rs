//! Which request gets which answer.

use std::{collections::VecDeque, fmt, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::answers::Answer;

/// What a test says of a body.
type Said = dyn Fn(&[u8]) -> bool + Send + Sync;

/// What a body must be like.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum When {
    /// A field of its JSON has this value.
    #[serde(rename_all = "snake_case")]
    Field { pointer: String, equals: Value },
    /// A test says so.
    #[serde(skip)]
    Said(Arc<Said>),
}

impl When {
    fn holds(&self, body: &[u8]) -> bool {
        match self {
            Self::Field { pointer, equals } => {
                let body: Value = serde_json::from_slice(body).unwrap_or_default();
                body.pointer(pointer) == Some(equals)
            }
            Self::Said(said) => said(body),
        }
    }
}

impl fmt::Debug for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { pointer, equals } => write!(formatter, "{pointer} == {equals}"),
            Self::Said(_) => formatter.write_str("a test says so"),
        }
    }
}

/// Answers to some requests; as JSON `{"path": "/a", "when": {"pointer": "/type", "equals": "poison"},
/// "answers": [{"status": {"status": 400}}]}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Only requests to this path; to all of them unless told.
    #[serde(default)]
    path: Option<String>,
    /// Only requests whose body is like this.
    #[serde(default)]
    when: Option<When>,
    /// One after another; the last one stays.
    answers: VecDeque<Answer>,
}

impl Rule {
    /// Answers requests with these one after another, and with the last one ever after.
    pub fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            path: None,
            when: None,
            answers: answers.into_iter().collect(),
        }
    }

    /// Only requests to this path.
    #[must_use]
    pub fn on(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Only requests of whose body this is true.
    #[must_use]
    pub fn when(mut self, holds: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        self.when = Some(When::Said(Arc::new(holds)));
        self
    }

    /// Only requests whose JSON has this value at this pointer (RFC 6901), such as `/data/name`.
    #[must_use]
    pub fn when_field(mut self, pointer: &str, equals: impl Into<Value>) -> Self {
        self.when = Some(When::Field {
            pointer: pointer.to_owned(),
            equals: equals.into(),
        });
        self
    }

    fn is_for(&self, path: &str) -> bool {
        self.path.as_deref().is_none_or(|wanted| wanted == path)
    }

    fn next(&mut self) -> Option<Answer> {
        if self.answers.len() > 1 {
            self.answers.pop_front()
        } else {
            self.answers.front().cloned()
        }
    }
}

/// All rules, the newest first.
#[derive(Debug, Default)]
pub struct Rules(VecDeque<Rule>);

impl Rules {
    /// Puts a rule before those there are.
    pub fn add(&mut self, rule: Rule) {
        self.0.push_front(rule);
    }

    /// Forgets all rules.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether a request is to be reset before its body is read; if so, that answer is used up. Rules that look at
    /// bodies cannot say so.
    pub fn resets_unread(&mut self, path: &str) -> bool {
        let rule = self.0.iter_mut().find(|rule| rule.is_for(path));
        let Some(rule) = rule.filter(|rule| rule.when.is_none()) else {
            return false;
        };
        let resets = rule.answers.front() == Some(&Answer::ResetBeforeReading);
        if resets {
            rule.next();
        }
        resets
    }

    /// The answer to a request that has been read.
    pub fn answer(&mut self, path: &str, body: &[u8]) -> Answer {
        let rule = self.0.iter_mut().find(|rule| {
            rule.is_for(path) && rule.when.as_ref().is_none_or(|when| when.holds(body))
        });
        let answer = rule.and_then(Rule::next);
        answer.unwrap_or_else(|| Answer::status(200))
    }
}

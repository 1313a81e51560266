//! What a value may be. One reading for files, which have types of their own,
//! and for environment variables, which are text.

use std::net::IpAddr;

use figment::value::Value;
use ipnet::IpNet;

/// The kind of value that a key takes, with its limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that is never shown.
    Secret,
    /// An address with one of these schemes.
    Url(&'static [&'static str]),
    /// The same, never shown because it may hold a password.
    SecretUrl(&'static [&'static str]),
    /// `host:port`, `redis://…` or `rediss://…`; never shown.
    RedisUrl,
    /// `true`, `1`, `yes` or `false`, `0`, `no`.
    Boolean,
    /// A whole number within these bounds, both included.
    Integer(u64, u64),
    /// A number from 0 to 1.
    Share,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Texts, in the environment separated by commas.
    List,
    /// Addresses and networks of the internet protocol, likewise.
    Networks,
    /// Whole numbers of seconds, from 1 to 30 days, likewise.
    Periods,
}

impl Kind {
    /// Whether the value must not be shown.
    #[must_use]
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::SecretUrl(_) | Self::RedisUrl)
    }

    /// What is expected, for the documentation and for errors.
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Secret => "secret text".to_owned(),
            Self::Url(schemes) | Self::SecretUrl(schemes) => {
                format!("an address ({}://…)", schemes.join("://…, "))
            }
            Self::RedisUrl => "host:port or an address (redis://…, rediss://…)".to_owned(),
            Self::Boolean => "true, 1, yes or false, 0, no".to_owned(),
            Self::Integer(low, u64::MAX) => format!("a whole number of at least {low}"),
            Self::Integer(low, high) => format!("a whole number from {low} to {high}"),
            Self::Share => "a number from 0 to 1".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::List => "a list of texts".to_owned(),
            Self::Periods => "a list of whole seconds from 1 to 2592000".to_owned(),
            Self::Networks => "a list of IP addresses and networks (10.0.0.0/8)".to_owned(),
        }
    }

    /// The value in its canonical form. The error says what was expected and
    /// never repeats the value, which may be a secret put under the wrong key.
    ///
    /// # Errors
    /// The value is not of this kind.
    pub(super) fn read(self, value: &Value) -> Result<Value, String> {
        let read = match value {
            Value::String(_, text) => self.read_text(text.trim()),
            Value::Char(_, single) => self.read_text(&single.to_string()),
            Value::Bool(_, truth) if self == Self::Boolean => Some(Value::from(*truth)),
            Value::Num(_, number) => match self {
                Self::Integer(low, high) => number
                    .to_u128()
                    .or_else(|| {
                        number
                            .to_i128()
                            .and_then(|signed| u128::try_from(signed).ok())
                    })
                    .and_then(|whole| u64::try_from(whole).ok())
                    .filter(|whole| (low..=high).contains(whole))
                    .map(Value::from),
                Self::Share => number
                    .to_f64()
                    .or_else(|| {
                        number
                            .to_u128()
                            .map(|whole| if whole == 0 { 0.0 } else { whole as f64 })
                    })
                    .and_then(share),
                _ => None,
            },
            Value::Array(_, items) => items
                .iter()
                .map(|item| item.as_str().map(|text| text.trim().to_owned()))
                .collect::<Option<Vec<_>>>()
                .and_then(|items| self.read_list(items)),
            _ => None,
        };
        read.ok_or_else(|| format!("expected {}", self.expected()))
    }

    fn read_text(self, text: &str) -> Option<Value> {
        match self {
            Self::Text | Self::Secret => Some(Value::from(text)),
            Self::Url(_) | Self::SecretUrl(_) | Self::RedisUrl if text.is_empty() => {
                Some(Value::from(text))
            }
            Self::Url(schemes) | Self::SecretUrl(schemes) => {
                address(text, schemes).then(|| Value::from(text))
            }
            Self::RedisUrl => {
                let full = if text.contains("://") {
                    text.to_owned()
                } else {
                    format!("redis://{text}")
                };
                address(&full, &["redis", "rediss"]).then(|| Value::from(full))
            }
            Self::Boolean => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Some(Value::from(true)),
                "false" | "0" | "no" => Some(Value::from(false)),
                _ => None,
            },
            Self::Integer(low, high) => text
                .parse::<u64>()
                .ok()
                .filter(|whole| (low..=high).contains(whole))
                .map(Value::from),
            Self::Share => text.parse::<f64>().ok().and_then(share),
            Self::Choice(words) => words.contains(&text).then(|| Value::from(text)),
            Self::List | Self::Networks | Self::Periods => self.read_list(
                text.split(',')
                    .map(|item| item.trim().to_owned())
                    .filter(|item| !item.is_empty())
                    .collect(),
            ),
        }
    }

    fn read_list(self, items: Vec<String>) -> Option<Value> {
        match self {
            Self::List => Some(Value::from(items)),
            Self::Networks => items
                .iter()
                .all(|item| network(item).is_some())
                .then(|| Value::from(items)),
            Self::Periods => {
                let fits = |item: &String| {
                    item.parse::<u64>()
                        .is_ok_and(|it| (1..=2_592_000).contains(&it))
                };
                items.iter().all(fits).then(|| Value::from(items))
            }
            _ => None,
        }
    }
}

fn share(number: f64) -> Option<Value> {
    (0.0..=1.0).contains(&number).then(|| Value::from(number))
}

/// A network, or the one address that it consists of.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let one = |text: &str| text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(|| one(text))
}

fn address(text: &str, schemes: &[&str]) -> bool {
    url::Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host())
}

//! What a value of a setting must look like. Pure: the same for website and command line.

use super::{Kind, MASK, Setting, repositories};
use serde_json::Value;
use std::fmt;
use url::Url;

/// Characters that a value or a name may have.
pub(super) const LONGEST: usize = 2048;

/// What is wrong with a value, to stand behind the setting's name. Never holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(String);

impl Invalid {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

impl Setting {
    /// The value that a text stands for, in the one form in which it is stored.
    ///
    /// # Errors
    /// It is none. An empty text is none either, whatever the setting takes.
    pub fn check(&self, text: &str) -> Result<String, Invalid> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Invalid::new("must not be empty"));
        }
        if self.kind == Kind::Repositories {
            let names: Vec<String> = serde_json::from_str(text)
                .map_err(|_wrong| Invalid::new("must be a JSON list of owner/repo"))?;
            return repositories::checked(names).map(|list| repositories::write(&list));
        }
        if text.chars().count() > LONGEST {
            return Err(Invalid::new(format!("has at most {LONGEST} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid::new("must not hold control characters"));
        }
        match self.kind {
            Kind::Text | Kind::Repositories => Ok(text.to_owned()),
            Kind::Url => url(text),
            Kind::Bool => switch(text),
            Kind::Integer { least, most } => integer(text.parse().ok(), least, most),
            Kind::Email => email(text).map(str::to_owned),
            Kind::Sender => sender(text),
            Kind::Secret => secret(text),
        }
    }

    /// The value that is given in JSON; `None` where nothing is to change: `null`, an empty
    /// text, and the mask of a secret.
    ///
    /// # Errors
    /// It is of another type, or no value of this setting.
    pub fn given(&self, json: &Value) -> Result<Option<String>, Invalid> {
        let text = match (self.kind, json) {
            (_, Value::Null) => return Ok(None),
            (Kind::Bool, Value::Bool(on)) => on.to_string(),
            (Kind::Integer { least, most }, Value::Number(number)) => {
                return integer(number.as_u64(), least, most).map(Some);
            }
            (Kind::Repositories, Value::Array(_)) => json.to_string(),
            (_, Value::String(text)) if text.trim().is_empty() => return Ok(None),
            (Kind::Bool | Kind::Integer { .. } | Kind::Repositories, _) => {
                return Err(Invalid::new(format!("must be {}", self.kind.takes())));
            }
            (_, Value::String(text)) => text.clone(),
            _ => return Err(Invalid::new("must be a text")),
        };
        if self.is_secret() && is_masked(&text) {
            return Ok(None);
        }
        self.check(&text).map(Some)
    }

    /// A value, or no value, as JSON. What is stored and no value any more is as the
    /// default; of a secret only the mask is shown.
    #[must_use]
    pub fn shown(&self, value: Option<&str>) -> Value {
        if self.is_secret() {
            return value.map_or("", |_secret| MASK).into();
        }
        let value = value.and_then(|text| self.check(text).ok());
        let text = value.as_deref().unwrap_or(self.default);
        match self.kind {
            Kind::Bool => (text == "true").into(),
            Kind::Integer { .. } => text.parse::<u64>().unwrap_or_default().into(),
            Kind::Repositories => repositories::read(text).into(),
            _ => text.into(),
        }
    }
}

impl Kind {
    /// What it takes, in words.
    #[must_use]
    pub fn takes(self) -> String {
        match self {
            Self::Text => "a line of text".to_owned(),
            Self::Url => "an http:// or https:// address".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Integer { least, most } => format!("a whole number from {least} to {most}"),
            Self::Email => "an e-mail address".to_owned(),
            Self::Sender => "an e-mail address, perhaps with a name".to_owned(),
            Self::Repositories => "a list of owner/repo".to_owned(),
            Self::Secret => "a secret".to_owned(),
        }
    }
}

/// Whether this is what we show in place of a secret, however long.
#[must_use]
fn is_masked(text: &str) -> bool {
    text.trim().chars().all(|c| MASK.starts_with(c))
}

fn url(text: &str) -> Result<String, Invalid> {
    let url = Url::parse(text).map_err(|_wrong| Invalid::new("must be an address"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        Err(Invalid::new("must be an http:// or https:// address"))
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(Invalid::new("must hold no user name and no password"))
    } else if url.query().is_some() || url.fragment().is_some() {
        Err(Invalid::new("must end before `?` and `#`"))
    } else {
        Ok(text.to_owned())
    }
}

fn switch(text: &str) -> Result<String, Invalid> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok("true".to_owned()),
        "false" | "0" | "no" => Ok("false".to_owned()),
        _ => Err(Invalid::new(format!("must be {}", Kind::Bool.takes()))),
    }
}

fn integer(number: Option<u64>, least: u64, most: u64) -> Result<String, Invalid> {
    let number = number.filter(|number| (least..=most).contains(number));
    number.map(|number| number.to_string()).ok_or_else(|| {
        let takes = Kind::Integer { least, most }.takes();
        Invalid::new(format!("must be {takes}"))
    })
}

fn email(text: &str) -> Result<&str, Invalid> {
    let has_form = text.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    let is_word = !text.contains(|c: char| c.is_whitespace() || "<>,;\"".contains(c));
    if has_form && is_word {
        return Ok(text);
    }
    Err(Invalid::new("must be an address like name@domain"))
}

fn sender(text: &str) -> Result<String, Invalid> {
    let Some((name, rest)) = text.split_once('<') else {
        return email(text).map(str::to_owned);
    };
    let address = rest.strip_suffix('>').unwrap_or_default();
    email(address)?;
    Ok(format!("{} <{address}>", name.trim())
        .trim_start()
        .to_owned())
}

fn secret(text: &str) -> Result<String, Invalid> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(Invalid::new("must be one word of visible ASCII characters"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn setting(key: &str) -> &'static Setting {
        Setting::of_key(key).unwrap()
    }

    #[test]
    fn a_value_has_the_form_of_its_kind() {
        for (key, text, value) in [
            ("site_name", " Node Byte ", "Node Byte"),
            (
                "site_url",
                "https://site.example/a",
                "https://site.example/a",
            ),
            ("maintenance_mode", "YES", "true"),
            ("maintenance_mode", "0", "false"),
            ("cache_timeout", "0", "0"),
            ("admin_email", "a@b.example", "a@b.example"),
            ("email_from", "Node  <a@b.example>", "Node <a@b.example>"),
            ("email_from", "a@b.example", "a@b.example"),
            ("github_repositories", r#"["a/b","a/b"]"#, r#"["a/b"]"#),
            ("github_token", "ghp_1", "ghp_1"),
        ] {
            assert_eq!(setting(key).check(text).as_deref(), Ok(value), "{key}");
        }
    }

    #[test]
    fn what_has_another_form_is_refused_and_not_repeated() {
        for (key, text) in [
            ("site_name", ""),
            ("site_name", "planted\0"),
            ("site_url", "planted"),
            ("site_url", "ftp://planted.example"),
            ("site_url", "https://u:planted@x.example"),
            ("site_url", "https://x.example/?planted"),
            ("maintenance_mode", "planted"),
            ("auto_sync_interval", "59"),
            ("auto_sync_interval", "31536001"),
            ("auto_sync_interval", "-60"),
            ("auto_sync_interval", "3600.5"),
            ("admin_email", "planted"),
            ("email_from", "Planted <planted>"),
            ("email_from", "a@b.example\r\nBcc: planted@c.example"),
            ("github_repositories", "a/b"),
            ("github_repositories", r#"["planted"]"#),
            ("github_token", "planted token"),
        ] {
            let refused = setting(key).check(text).unwrap_err().to_string();
            assert!(!refused.contains("planted"), "{key}: {refused}");
        }
        assert!(
            setting("site_name")
                .check(&"x".repeat(LONGEST + 1))
                .is_err()
        );
    }

    #[test]
    fn json_that_says_nothing_changes_nothing() {
        for (key, json) in [
            ("site_name", json!("")),
            ("site_name", json!(null)),
            ("maintenance_mode", json!(null)),
            ("github_token", json!("")),
            ("github_token", json!(MASK)),
            ("github_token", json!("•••")),
        ] {
            assert_eq!(setting(key).given(&json), Ok(None), "{key} {json}");
        }
    }

    #[test]
    fn json_of_another_type_is_refused() {
        for (key, json) in [
            ("site_name", json!(5)),
            ("site_name", json!(["x"])),
            ("maintenance_mode", json!("true")),
            ("maintenance_mode", json!(1)),
            ("cache_timeout", json!("60")),
            ("cache_timeout", json!(1.5)),
            ("cache_timeout", json!(-1)),
            ("github_repositories", json!("a/b")),
            ("github_repositories", json!([1])),
            ("github_token", json!({})),
        ] {
            assert!(setting(key).given(&json).is_err(), "{key} {json}");
        }
    }

    #[test]
    fn what_is_shown_has_its_type_and_no_secret() {
        assert_eq!(setting("github_token").shown(Some("planted")), json!(MASK));
        assert_eq!(setting("github_token").shown(None), json!(""));
        assert_eq!(setting("registration_enabled").shown(None), json!(true));
        assert_eq!(setting("maintenance_mode").shown(Some("1")), json!(true));
        assert_eq!(setting("cache_timeout").shown(Some("many")), json!(60));
        let repositories = setting("github_repositories");
        assert_eq!(repositories.shown(Some(r#"["a/b"]"#)), json!(["a/b"]));
        let url = setting("site_url");
        assert_eq!(url.shown(Some("https://u:planted@x.example")), json!(""));
    }

    #[test]
    fn an_empty_text_changes_nothing_whatever_the_kind() {
        for key in [
            "site_name",
            "maintenance_mode",
            "auto_sync_interval",
            "github_repositories",
        ] {
            assert_eq!(setting(key).given(&json!(" ")), Ok(None), "{key}");
        }
        assert!(setting("auto_sync_interval").given(&json!("60 s")).is_err());
    }
}

//! What a request says.

use url::form_urlencoded;

/// A request, as far as the vendor looks.
#[derive(Clone, Debug)]
pub struct Asked {
    /// HTTP method.
    pub method: String,
    /// Path.
    pub path: String,
    /// Query, empty where there is none.
    pub query: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// Body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The media type of its body, without parameters and in lower case.
    pub fn media_type(&self) -> Option<String> {
        let content_type = self.content_type.as_ref()?;
        let media_type = content_type.split(';').next()?;
        Some(media_type.trim().to_ascii_lowercase())
    }

    /// The form in its body; empty where the body is anything else.
    pub fn form(&self) -> Form {
        if self.media_type().as_deref() == Some("application/x-www-form-urlencoded") {
            Form::parse(&self.body)
        } else {
            Form::default()
        }
    }

    /// The token of a `Bearer` header.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.authorization.as_deref()?.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }
}

/// The fields of a form; the first of those with one name counts.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form or a query.
    pub fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// A field that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(field, _)| field == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

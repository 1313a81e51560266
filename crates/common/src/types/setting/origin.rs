//! To whom a secret is given.

use std::fmt;
use url::Url;

/// Scheme, host and port of an address, as text: `https://panel.example`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// The origin of an address; `None`: it is no address of the web.
    #[must_use]
    pub fn of(address: &str) -> Option<Self> {
        let url = Url::parse(address.trim()).ok()?;
        let origin = url.origin();
        (matches!(url.scheme(), "http" | "https") && origin.is_tuple())
            .then(|| Self(origin.ascii_serialization()))
    }

    /// An origin that was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text that is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_host_and_port_make_an_origin_and_nothing_else_does() {
        let origin = WebOrigin::of("https://Panel.example:443/path?q#f");
        assert_eq!(origin, WebOrigin::of(" https://panel.example "));
        assert_eq!(origin.unwrap().as_str(), "https://panel.example");
        for other in [
            "http://panel.example",
            "https://panel.example:444",
            "https://panel.example.evil.example",
            "https://panel.example@evil.example",
        ] {
            assert_ne!(WebOrigin::of(other), WebOrigin::of("https://panel.example"));
        }
        for nothing in ["", "panel.example", "ftp://panel.example", "mailto:a@b"] {
            assert_eq!(WebOrigin::of(nothing), None, "{nothing}");
        }
    }
}

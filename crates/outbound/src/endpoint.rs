//! Which URLs can be an endpoint.

use common::dial::Undialable;
use upstream::Guard;
use url::Url;

/// Why a URL cannot be an endpoint, in a sentence for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// Neither `https` nor `http`.
    #[error("The address must begin with https:// or http://.")]
    Scheme,
    /// It names no machine.
    #[error("The address names no host.")]
    Host,
    /// It holds a user or password, which would show in logs of others.
    #[error("The address must not hold a user name or a password.")]
    Userinfo,
    /// It holds a fragment, which is never sent.
    #[error("The address must not hold a fragment (#).")]
    Fragment,
    /// The guard refuses it.
    #[error("The address must be on the Internet; this is {0}.")]
    Address(Undialable),
}

impl UrlRefused {
    /// A code that stays the same: `SCHEME_NOT_ALLOWED`, `HOST_MISSING`,
    /// `USERINFO_NOT_ALLOWED`, `FRAGMENT_NOT_ALLOWED`, `ADDRESS_NOT_ALLOWED`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Scheme => "SCHEME_NOT_ALLOWED",
            Self::Host => "HOST_MISSING",
            Self::Userinfo => "USERINFO_NOT_ALLOWED",
            Self::Fragment => "FRAGMENT_NOT_ALLOWED",
            Self::Address(_) => "ADDRESS_NOT_ALLOWED",
        }
    }
}

/// Whether a URL can be an endpoint. An address in place of a name is judged by the guard; a
/// name when it is dialled.
pub(crate) fn check(guard: &Guard, url: &Url) -> Result<(), UrlRefused> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlRefused::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRefused::Userinfo);
    }
    if url.fragment().is_some() {
        return Err(UrlRefused::Fragment);
    }
    if url.host().is_none() {
        return Err(UrlRefused::Host);
    }
    guard.judge(url).map_err(UrlRefused::Address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> UrlRefused {
        let url = text.parse().unwrap();
        check(&Guard::default(), &url).unwrap_err()
    }

    #[test]
    fn an_endpoint_is_http_with_a_host_and_nothing_private() {
        for text in [
            "https://example.com/hook?key=1",
            "http://example.com:8080",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(check(&Guard::default(), &text.parse().unwrap()), Ok(()));
        }
        assert_eq!(refused("ftp://example.com"), UrlRefused::Scheme);
        assert_eq!(refused("file:///etc/passwd"), UrlRefused::Scheme);
        assert_eq!(refused("data:,x"), UrlRefused::Scheme);
        assert_eq!(refused("https://u@example.com"), UrlRefused::Userinfo);
        assert_eq!(refused("https://:p@example.com"), UrlRefused::Userinfo);
        assert_eq!(refused("https://example.com/#a"), UrlRefused::Fragment);
    }

    #[test]
    fn every_way_to_write_a_private_address_is_refused() {
        for text in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://127.0.0.1./",
            "http://%31%32%37.0.0.1/",
            "http://①②⑦.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://169.254.169.254/latest/meta-data",
            "http://[fd00:ec2::254]/",
            "http://0/",
        ] {
            assert_eq!(refused(text).code(), "ADDRESS_NOT_ALLOWED", "{text}");
        }
    }
}

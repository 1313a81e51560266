//! Where signed requests may go.
//!
//! A name is judged by what it resolves to at the moment of dialling: the resolver that the
//! client asks lets through only addresses that may be dialled, so nothing can change in
//! between. An address that stands in the URL itself is asked of no resolver; it is judged
//! before the request.

use common::dial::{Undialable, may_dial};
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::lookup_host;
use url::{Host, Url};

/// Where signed requests may go: to addresses on the Internet, and to these networks.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// What the operator opens. Metadata services of clouds stay closed all the same.
    pub allowed: Vec<IpNet>,
}

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

impl Guard {
    /// Whether a URL can be an endpoint. Names are not resolved: what they stand for is
    /// judged when they are dialled.
    pub(crate) fn check(&self, url: &Url) -> Result<(), UrlRefused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UrlRefused::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlRefused::Userinfo);
        }
        if url.fragment().is_some() {
            return Err(UrlRefused::Fragment);
        }
        // The parser has made one form of decimal, hexadecimal and octal addresses.
        let literal = match url.host().ok_or(UrlRefused::Host)? {
            Host::Domain(_) => return Ok(()),
            Host::Ipv4(v4) => IpAddr::V4(v4),
            Host::Ipv6(v6) => IpAddr::V6(v6),
        };
        may_dial(literal, &self.allowed).map_err(UrlRefused::Address)
    }

    /// A resolver that knows only what may be dialled.
    pub(crate) fn resolver(&self) -> Arc<dyn Resolve> {
        Arc::new(Resolver(Arc::from(self.allowed.as_slice())))
    }
}

struct Resolver(Arc<[IpNet]>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.0);
        Box::pin(async move {
            let found = lookup_host((name.as_str(), 0)).await?;
            let open = dialable(found, &allowed)?;
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

/// Those that may be dialled; at least one, or why there is none.
fn dialable(
    found: impl Iterator<Item = SocketAddr>,
    allowed: &[IpNet],
) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    let mut open = Vec::new();
    let mut refused = None;
    for address in found {
        match may_dial(address.ip(), allowed) {
            Ok(()) => open.push(address),
            Err(kind) => refused = Some(kind),
        }
    }
    match (open.is_empty(), refused) {
        (false, _) => Ok(open),
        (true, Some(kind)) => Err(kind.into()),
        (true, None) => Err(io::Error::from(io::ErrorKind::NotFound).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> UrlRefused {
        let url = text.parse().unwrap();
        Guard::default().check(&url).unwrap_err()
    }

    #[test]
    fn an_endpoint_is_http_with_a_host_and_nothing_private() {
        for text in [
            "https://example.com/hook?key=1",
            "http://example.com:8080",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(Guard::default().check(&text.parse().unwrap()), Ok(()));
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

    #[test]
    fn of_a_names_addresses_only_those_that_may_be_dialled_remain() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let mixed = addresses(&["10.0.0.1:0", "1.1.1.1:0", "[::1]:0"]);
        let open = dialable(mixed.into_iter(), &[]).unwrap();
        assert_eq!(open, addresses(&["1.1.1.1:0"]));
        let private = addresses(&["10.0.0.1:0"]);
        let error = dialable(private.into_iter(), &[]).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Undialable::Private));
        assert!(dialable(std::iter::empty(), &[]).is_err());
    }
}

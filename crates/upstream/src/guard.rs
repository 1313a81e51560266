//! Where requests may go whose address somebody else gave.
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

/// Where such requests may go: to addresses on the Internet, and to these networks.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// What the operator opens. Metadata services of clouds stay closed all the same.
    pub allowed: Vec<IpNet>,
}

impl Guard {
    /// Judges an address that stands in a URL in place of a name. Names are not resolved:
    /// what they stand for is judged when they are dialled.
    ///
    /// # Errors
    /// What kind of address it is.
    pub fn judge(&self, url: &Url) -> Result<(), Undialable> {
        // The parser has made one form of decimal, hexadecimal and octal addresses.
        let literal = match url.host() {
            None | Some(Host::Domain(_)) => return Ok(()),
            Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
            Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
        };
        may_dial(literal, &self.allowed)
    }

    /// A resolver that knows only what may be dialled. Where a name leads nowhere else, the
    /// request's error has [`Undialable`] among its causes.
    #[must_use]
    pub fn resolver(&self) -> Arc<dyn Resolve> {
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

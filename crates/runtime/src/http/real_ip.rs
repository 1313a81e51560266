//! Who is at the other end, past the proxies in between.
//!
//! A proxy tells the address that it was asked from in `X-Forwarded-For` or
//! `Forwarded` (RFC 7239), behind what it found there. Anybody can send these headers,
//! so they count only when a trusted proxy did, and are read from the right: the first
//! address that is no trusted proxy's is the last one that somebody trustworthy has
//! seen. Where both headers stand and tell different addresses, one of them was passed
//! through unread, and neither counts.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue, X_FORWARDED_FOR};
use actix_web::{HttpMessage, HttpRequest};
use ipnet::{IpNet, Ipv6Net};

/// Bits of an IPv6 address that tell callers apart: whoever has one address has a whole
/// /64 of them.
const V6_BITS: u8 = 64;

/// The proxies whose word counts. None unless they are named.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

/// The caller's address, as it was found when the request came in.
#[derive(Debug, Clone, Copy)]
struct RealIp(Option<IpAddr>);

impl TrustedProxies {
    /// Trusts whoever is in one of these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The caller's address, from the connection's other end and the headers.
    #[must_use]
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        let told = |name: HeaderName, read: fn(&str) -> Option<IpAddr>| {
            let values: Vec<&HeaderValue> = headers.get_all(name).collect();
            (!values.is_empty()).then(|| self.told(peer, &values, read))
        };
        match (
            told(X_FORWARDED_FOR, address),
            told(FORWARDED, forwarded_for),
        ) {
            (Some(one), Some(other)) if one != other => peer,
            (Some(told), _) | (None, Some(told)) => told,
            (None, None) => peer,
        }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The right-most address that is no trusted proxy's. What cannot be read ends the
    /// way: the proxy that wrote it down is the last known place.
    fn told(
        &self,
        peer: IpAddr,
        values: &[&HeaderValue],
        read: fn(&str) -> Option<IpAddr>,
    ) -> IpAddr {
        let mut last = peer;
        for value in values.iter().rev() {
            let Ok(list) = value.to_str() else {
                return last;
            };
            for item in list.rsplit(',') {
                match read(item.trim()) {
                    Some(address) if self.trust(address) => last = address,
                    Some(address) => return address,
                    None => return last,
                }
            }
        }
        last
    }
}

/// Finds the caller's address and keeps it with the request.
pub(super) fn note(request: &ServiceRequest, trusted: &TrustedProxies) -> Option<IpAddr> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let caller = peer.map(|peer| trusted.caller(peer, request.headers()));
    request.extensions_mut().insert(RealIp(caller));
    caller
}

/// The caller's address, as the log shows it.
#[must_use]
pub fn real_ip(request: &HttpRequest) -> Option<IpAddr> {
    let noted = request.extensions().get::<RealIp>().copied();
    match noted {
        Some(RealIp(caller)) => caller,
        // Outside of `Observe` nobody is trusted.
        None => request.peer_addr().map(|peer| peer.ip().to_canonical()),
    }
}

/// What limits count by: an IPv4 address, or the /64 of an IPv6 address.
#[must_use]
pub fn counted_as(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V4(address) => IpNet::from(IpAddr::V4(address)),
        IpAddr::V6(address) => IpNet::V6(subnet(address)),
    }
}

fn subnet(address: Ipv6Addr) -> Ipv6Net {
    Ipv6Net::new(address, V6_BITS).map_or_else(|_| Ipv6Net::from(address), |net| net.trunc())
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let address = text
        .parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(IpAddr::to_canonical(&address))
}

/// The `for` of one element of `Forwarded`; an obfuscated name is no address. A comma
/// or semicolon within quotes stands in no address, so nothing is lost by parting there.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("for") {
            return None;
        }
        let value = value.trim();
        let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        address(quoted.unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn trusted() -> TrustedProxies {
        let networks = ["10.0.0.0/8", "2001:db8:aaaa::/48"];
        TrustedProxies::new(networks.map(|it| it.parse().unwrap()).to_vec())
    }

    fn caller(peer: &str, headers: &[(HeaderName, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        trusted().caller(peer.parse().unwrap(), &map).to_string()
    }

    fn through_proxy(forwarded_for: &str) -> String {
        caller(PROXY, &[(X_FORWARDED_FOR, forwarded_for)])
    }

    #[test]
    fn what_an_untrusted_peer_says_is_ignored() {
        for name in [X_FORWARDED_FOR, FORWARDED] {
            let said = [(name, "for=1.2.3.4, 1.2.3.4")];
            assert_eq!(caller("203.0.113.9", &said), "203.0.113.9");
        }
        let nobody = TrustedProxies::default();
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("1.2.3.4"));
        let peer: IpAddr = PROXY.parse().unwrap();
        assert_eq!(nobody.caller(peer, &headers), peer);
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_who_asked_it() {
        assert_eq!(through_proxy("203.0.113.9"), "203.0.113.9");
        assert_eq!(through_proxy("203.0.113.9:4711"), "203.0.113.9");
        assert_eq!(through_proxy("[2001:db8::7]:4711"), "2001:db8::7");
        assert_eq!(caller(PROXY, &[]), PROXY);
    }

    #[test]
    fn what_the_caller_put_before_it_is_ignored() {
        assert_eq!(through_proxy("1.2.3.4, 203.0.113.9"), "203.0.113.9");
        assert_eq!(through_proxy("10.0.0.7, 203.0.113.9"), "203.0.113.9");
        let lines = [
            (X_FORWARDED_FOR, "1.2.3.4"),
            (X_FORWARDED_FOR, "203.0.113.9"),
        ];
        assert_eq!(caller(PROXY, &lines), "203.0.113.9");
    }

    #[test]
    fn several_trusted_proxies_in_a_row_are_passed() {
        let way = "1.2.3.4, 203.0.113.9, 2001:db8:aaaa::1, 10.9.9.9";
        assert_eq!(through_proxy(way), "203.0.113.9");
        assert_eq!(through_proxy("10.1.1.1, 10.9.9.9"), "10.1.1.1");
    }

    #[test]
    fn what_cannot_be_read_ends_the_way_at_the_last_known_place() {
        for said in ["unknown", "", "1.2.3.4, _hidden", "1.2.3.4, 999.1.1.1"] {
            assert_eq!(through_proxy(said), PROXY, "{said}");
        }
        assert_eq!(through_proxy("1.2.3.4, secret, 10.9.9.9"), "10.9.9.9");
    }

    #[test]
    fn the_standard_header_is_read_too() {
        for (said, meant) in [
            ("for=203.0.113.9", "203.0.113.9"),
            (
                "For=\"[2001:db8::7]:4711\";proto=https;by=10.0.0.1",
                "2001:db8::7",
            ),
            ("for=1.2.3.4, proto=https; for=203.0.113.9", "203.0.113.9"),
            ("for=203.0.113.9, for=10.2.2.2", "203.0.113.9"),
            ("for=1.2.3.4, for=_hidden", PROXY),
            ("proto=https", PROXY),
        ] {
            assert_eq!(caller(PROXY, &[(FORWARDED, said)]), meant, "{said}");
        }
    }

    #[test]
    fn of_two_headers_that_contradict_each_other_neither_counts() {
        let both = |one, other| caller(PROXY, &[(X_FORWARDED_FOR, one), (FORWARDED, other)]);
        assert_eq!(both("203.0.113.9", "for=203.0.113.9"), "203.0.113.9");
        assert_eq!(both("203.0.113.9", "for=1.2.3.4"), PROXY);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_an_ipv4_address() {
        let said = [(X_FORWARDED_FOR, "::ffff:203.0.113.9")];
        assert_eq!(caller("::ffff:10.0.0.1", &said), "203.0.113.9");
    }

    #[test]
    fn ipv6_is_counted_by_its_64_and_ipv4_by_itself() {
        let counted = |text: &str| counted_as(text.parse().unwrap()).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(counted("2001:db8:1:2::9"), counted("2001:db8:1:2:ffff::"));
        assert_ne!(counted("2001:db8:1:2::9"), counted("2001:db8:1:3::9"));
        assert_eq!(counted("203.0.113.9"), "203.0.113.9/32");
        assert_eq!(counted("::ffff:203.0.113.9"), "203.0.113.9/32");
    }
}

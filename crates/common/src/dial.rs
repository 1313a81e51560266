//! Which IP addresses may be dialled when somebody else chose the name.
//!
//! A rule over addresses and nothing else: whoever dials applies it to what the name
//! resolved to, at the moment of dialling, since a name may resolve to something else a
//! moment later. The ranges are those of the IANA registries of special-purpose addresses
//! (RFC 6890 and its updates).

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use Undialable::{
    Benchmark, Documentation, LinkLocal, Loopback, Metadata, Multicast, Private, Reserved, Shared,
    Tunnel, Unspecified,
};

/// Why an address may not be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Undialable {
    /// Where a cloud tells machines their credentials. Nothing opens these.
    #[error("a cloud's metadata service")]
    Metadata,
    /// `0.0.0.0` and `::`, which reach this very machine. Nothing opens these.
    #[error("the unspecified address")]
    Unspecified,
    /// Multicast or broadcast: not one machine. Nothing opens these.
    #[error("a multicast or broadcast address")]
    Multicast,
    /// This machine.
    #[error("a loopback address")]
    Loopback,
    /// RFC 1918, ULA (RFC 4193), site-local (RFC 3879), local NAT64 (RFC 8215).
    #[error("a private address")]
    Private,
    /// RFC 3927, RFC 4291.
    #[error("a link-local address")]
    LinkLocal,
    /// Behind a carrier's NAT (RFC 6598).
    #[error("an address shared behind a carrier's NAT")]
    Shared,
    /// RFC 5737, RFC 3849, RFC 9637.
    #[error("an address for documentation")]
    Documentation,
    /// RFC 2544, RFC 5180.
    #[error("an address for benchmarks")]
    Benchmark,
    /// Not given to anybody on the Internet.
    #[error("a reserved address")]
    Reserved,
    /// 6to4 and Teredo, whose relays are gone (RFC 7526) and which hide another address.
    #[error("an address of a tunnel")]
    Tunnel,
}

impl Undialable {
    fn opens(self) -> bool {
        !matches!(self, Metadata | Unspecified | Multicast)
    }
}

/// Whether this address may be dialled. `allowed` are networks that the operator opens
/// although they are not on the Internet.
///
/// An IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4, Teredo) is judged
/// as well, and both must pass.
///
/// # Errors
///
/// What kind of address it is that may not be dialled.
pub fn may_dial(ip: IpAddr, allowed: &[IpNet]) -> Result<(), Undialable> {
    let v6 = match ip {
        IpAddr::V4(v4) => return judge(IpAddr::V4(v4), allowed),
        IpAddr::V6(v6) => v6,
    };
    // The system dials a mapped address as the IPv4 address that it is.
    if let Some(v4) = v6.to_ipv4_mapped() {
        return judge(IpAddr::V4(v4), allowed);
    }
    judge(ip, allowed)?;
    embedded(v6)
        .into_iter()
        .try_for_each(|v4| judge(IpAddr::V4(v4), allowed))
}

fn judge(ip: IpAddr, allowed: &[IpNet]) -> Result<(), Undialable> {
    let Some(kind) = kind(ip) else {
        return Ok(());
    };
    if kind.opens() && allowed.iter().any(|net| net.contains(&ip)) {
        Ok(())
    } else {
        Err(kind)
    }
}

fn kind(ip: IpAddr) -> Option<Undialable> {
    if METADATA.contains(&ip) {
        return Some(Metadata);
    }
    match ip {
        IpAddr::V4(v4) => V4
            .iter()
            .find(|(net, _)| net.contains(&v4))
            .map(|(_, kind)| *kind),
        IpAddr::V6(v6) => V6
            .iter()
            .find(|(net, _)| net.contains(&v6))
            .map_or(Some(Reserved), |(_, kind)| *kind),
    }
}

/// The IPv4 addresses that an IPv6 address may stand for. Local NAT64 prefixes have the
/// lengths of RFC 6052, section 2.2, and an address does not tell which of them is in use.
fn embedded(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bytes = ip.octets();
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| bytes[place]));
    let last = || at([12, 13, 14, 15]);
    let is_compatible = COMPATIBLE.contains(&ip) && !ip.is_loopback();
    if is_compatible || NAT64.contains(&ip) {
        vec![last()]
    } else if LOCAL_NAT64.contains(&ip) {
        vec![
            at([6, 7, 9, 10]),
            at([7, 9, 10, 11]),
            at([9, 10, 11, 12]),
            last(),
        ]
    } else if SIX_TO_FOUR.contains(&ip) {
        vec![at([2, 3, 4, 5])]
    } else if TEREDO.contains(&ip) {
        // The client's address is stored inverted (RFC 4380, section 4).
        let client = u32::from(last());
        vec![at([4, 5, 6, 7]), Ipv4Addr::from(!client)]
    } else {
        Vec::new()
    }
}

const COMPATIBLE: Ipv6Net = v6([0; 8], 96);
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
const LOCAL_NAT64: Ipv6Net = v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48);
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
const TEREDO: Ipv6Net = v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32);

/// By the documentation of AWS (EC2, ECS, EKS), Google, OpenStack, Alibaba, Azure, Oracle.
const METADATA: &[IpAddr] = &[
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
];

/// The first that holds an address counts; what is in none is on the Internet.
const V4: &[(Ipv4Net, Undialable)] = &[
    (v4([0, 0, 0, 0], 32), Unspecified),
    (v4([0, 0, 0, 0], 8), Reserved),
    (v4([10, 0, 0, 0], 8), Private),
    (v4([100, 64, 0, 0], 10), Shared),
    (v4([127, 0, 0, 0], 8), Loopback),
    (v4([169, 254, 0, 0], 16), LinkLocal),
    (v4([172, 16, 0, 0], 12), Private),
    (v4([192, 0, 0, 0], 24), Reserved),
    (v4([192, 0, 2, 0], 24), Documentation),
    (v4([192, 88, 99, 0], 24), Tunnel),
    (v4([192, 168, 0, 0], 16), Private),
    (v4([198, 18, 0, 0], 15), Benchmark),
    (v4([198, 51, 100, 0], 24), Documentation),
    (v4([203, 0, 113, 0], 24), Documentation),
    (v4([224, 0, 0, 0], 4), Multicast),
    (v4([255, 255, 255, 255], 32), Multicast),
    (v4([240, 0, 0, 0], 4), Reserved),
];

/// The first that holds an address counts. The Internet is `2000::/3` and NAT64's
/// well-known prefix, which stands for an IPv4 address; what is in none is reserved.
const V6: &[(Ipv6Net, Option<Undialable>)] = &[
    (v6([0; 8], 128), Some(Unspecified)),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Some(Loopback)),
    (NAT64, None),
    (LOCAL_NAT64, Some(Private)),
    (TEREDO, Some(Tunnel)),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), Some(Benchmark)),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Some(Reserved)),
    (
        v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
        Some(Documentation),
    ),
    (SIX_TO_FOUR, Some(Tunnel)),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Some(Documentation)),
    (v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3), None),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Some(Private)),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Some(LinkLocal)),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Some(Private)),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Some(Multicast)),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;

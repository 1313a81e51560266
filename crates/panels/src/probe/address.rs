//! Which addresses a probe may dial. Somebody else names them, so they must not lead to
//! what only we can reach.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where clouds tell secrets to whoever asks from inside; no list allows them.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Whether `ip` is a public address, or lies in a network that is allowed besides.
pub(super) fn may_be_dialled(ip: IpAddr, allowed: &[IpNet]) -> bool {
    let ip = unwrapped(ip);
    !METADATA.contains(&ip)
        && (is_public(ip) || allowed.iter().any(|network| network.contains(&ip)))
}

/// The IPv4 address that an IPv6 address leads to, where it does.
fn unwrapped(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let words = v6.segments();
    let v4 = |high: u16, low: u16| {
        IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    match words {
        // Mapped, and the form that came before it; `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0xffff, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        // Translated by NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        // 6to4.
        [0x2002, high, low, ..] => v4(high, low),
        _ => ip,
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = match (a, b, c) {
        // This network, shared address space, benchmarks, reserved.
        (0 | 240..=255, _, _) | (100, 64..=127, _) | (198, 18 | 19, _) => true,
        // Protocol assignments, the old 6to4 relay.
        (192, 0, 0) | (192, 88, 99) => true,
        _ => false,
    };
    !(is_special
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast())
}

/// Global unicast (2000::/3), less what is set aside in it.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let words = ip.segments();
    let is_special = match words {
        // Protocol assignments, Teredo among them; documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] => true,
        [0x3fff, 0..=0xfff, ..] => true,
        _ => false,
    };
    words[0] & 0xe000 == 0x2000 && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(ip: &str, allowed: &[&str]) -> bool {
        let allowed: Vec<IpNet> = allowed.iter().map(|it| it.parse().unwrap()).collect();
        may_be_dialled(ip.parse().unwrap(), &allowed)
    }

    #[test]
    fn public_addresses_may_be_dialled() {
        for ip in [
            "1.1.1.1",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
        ] {
            assert!(may(ip, &[]), "{ip}");
        }
    }

    #[test]
    fn what_only_we_can_reach_may_not() {
        for ip in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::",
            "2001:0:1::1",
            "2001:db8::1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!may(ip, &[]), "{ip}");
        }
    }

    #[test]
    fn an_allowed_network_may_be_dialled_in_every_form() {
        for ip in ["10.1.2.3", "::ffff:10.1.2.3", "2002:a01:203::"] {
            assert!(may(ip, &["10.1.0.0/16"]), "{ip}");
        }
        assert!(!may("10.2.0.1", &["10.1.0.0/16"]));
    }

    #[test]
    fn no_list_allows_the_metadata_of_clouds() {
        for ip in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "100.100.100.200",
        ] {
            assert!(!may(ip, &["0.0.0.0/0", "::/0"]), "{ip}");
        }
    }
}

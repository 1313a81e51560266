use super::*;
use proptest::prelude::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn everything() -> Vec<IpNet> {
    nets(&["0.0.0.0/0", "::/0"])
}

/// Every form that we know of in which an IPv6 address carries an IPv4 one.
fn wrapped(v4: Ipv4Addr) -> Vec<Ipv6Addr> {
    let [a, b, c, d] = v4.octets();
    let bytes = |places: &[(usize, u8)]| {
        let mut bytes = [0_u8; 16];
        for (place, byte) in places {
            bytes[*place] = *byte;
        }
        Ipv6Addr::from(bytes)
    };
    let last = [(12, a), (13, b), (14, c), (15, d)];
    let local = [(1, 0x64), (2, 0xff), (3, 0x9b), (5, 1)];
    let local = |inner: &[(usize, u8)]| bytes(&[&local[..], inner].concat());
    vec![
        v4.to_ipv6_mapped(),
        bytes(&last),
        bytes(&[&[(1, 0x64), (2, 0xff), (3, 0x9b)][..], &last].concat()),
        local(&[(6, a), (7, b), (9, c), (10, d)]),
        local(&[(7, a), (9, b), (10, c), (11, d)]),
        local(&[(9, a), (10, b), (11, c), (12, d)]),
        local(&last),
        bytes(&[(0, 0x20), (1, 2), (2, a), (3, b), (4, c), (5, d)]),
        bytes(&[(0, 0x20), (1, 1), (4, a), (5, b), (6, c), (7, d)]),
        bytes(&[
            (0, 0x20),
            (1, 1),
            (4, 8),
            (12, !a),
            (13, !b),
            (14, !c),
            (15, !d),
        ]),
    ]
}

#[test]
fn addresses_of_the_internet_may_be_dialled() {
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a01:4f8::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ] {
        assert_eq!(may_dial(ip(text), &[]), Ok(()), "{text}");
    }
}

#[test]
fn what_is_not_on_the_internet_is_told_by_its_kind() {
    for (text, kind) in [
        ("0.0.0.0", Unspecified),
        ("0.1.2.3", Reserved),
        ("10.0.0.1", Private),
        ("100.64.0.1", Shared),
        ("100.127.255.255", Shared),
        ("127.0.0.1", Loopback),
        ("127.255.255.254", Loopback),
        ("169.254.1.1", LinkLocal),
        ("172.16.0.1", Private),
        ("172.31.255.255", Private),
        ("192.0.0.8", Reserved),
        ("192.0.2.1", Documentation),
        ("192.88.99.1", Tunnel),
        ("192.168.0.1", Private),
        ("198.18.0.1", Benchmark),
        ("198.19.255.255", Benchmark),
        ("198.51.100.1", Documentation),
        ("203.0.113.1", Documentation),
        ("224.0.0.1", Multicast),
        ("239.255.255.255", Multicast),
        ("240.0.0.1", Reserved),
        ("255.255.255.255", Multicast),
        ("::", Unspecified),
        ("::1", Loopback),
        ("::8.8.8.8", Reserved),
        ("64:ff9b:1::8.8.8.8", Private),
        ("100::1", Reserved),
        ("2001::1", Tunnel),
        ("2001:2::1", Benchmark),
        ("2001:20::1", Reserved),
        ("2001:db8::1", Documentation),
        ("2002:808:808::1", Tunnel),
        ("3fff::1", Documentation),
        ("4000::1", Reserved),
        ("5f00::1", Reserved),
        ("fc00::1", Private),
        ("fdff::1", Private),
        ("fe80::1", LinkLocal),
        ("fec0::1", Private),
        ("ff02::1", Multicast),
        ("::ffff:127.0.0.1", Loopback),
        ("::ffff:0.0.0.0", Unspecified),
        ("64:ff9b::10.0.0.1", Private),
    ] {
        assert_eq!(may_dial(ip(text), &[]), Err(kind), "{text}");
    }
}

#[test]
fn an_operator_opens_networks() {
    let allowed = nets(&["10.1.0.0/16", "127.0.0.0/8", "fd12::/16", "169.254.7.0/24"]);
    for text in [
        "10.1.2.3",
        "127.0.0.1",
        "fd12::1",
        "169.254.7.7",
        "::ffff:10.1.2.3",
        "64:ff9b::10.1.2.3",
    ] {
        assert_eq!(may_dial(ip(text), &allowed), Ok(()), "{text}");
    }
    for text in ["10.2.0.1", "::1", "fd13::1", "169.254.8.1"] {
        assert!(may_dial(ip(text), &allowed).is_err(), "{text}");
    }
}

#[test]
fn opening_the_outer_form_does_not_open_what_is_inside() {
    let tunnels = nets(&["2002::/16", "2001::/32", "64:ff9b:1::/48", "::/96"]);
    for outer in &wrapped(Ipv4Addr::new(10, 0, 0, 1)) {
        assert!(may_dial((*outer).into(), &tunnels).is_err(), "{outer}");
    }
    assert_eq!(may_dial(ip("2002:808:808::1"), &tunnels), Ok(()));
}

#[test]
fn nothing_opens_metadata_in_any_form() {
    for address in METADATA {
        assert_eq!(may_dial(*address, &everything()), Err(Metadata));
        let IpAddr::V4(v4) = address else { continue };
        for outer in wrapped(*v4) {
            let verdict = may_dial(outer.into(), &everything());
            assert!(verdict.is_err(), "{outer}");
        }
    }
    let exactly = nets(&["169.254.169.254/32", "fd00:ec2::254/128"]);
    assert_eq!(may_dial(ip("169.254.169.254"), &exactly), Err(Metadata));
    assert_eq!(may_dial(ip("fd00:ec2::254"), &exactly), Err(Metadata));
}

#[test]
fn nothing_opens_what_is_not_one_machine() {
    for text in ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1"] {
        assert!(may_dial(ip(text), &everything()).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_form_makes_dialable_what_is_not(bits in any::<u32>()) {
        let v4 = Ipv4Addr::from(bits);
        if may_dial(v4.into(), &[]).is_err() {
            for outer in wrapped(v4) {
                prop_assert!(may_dial(outer.into(), &[]).is_err(), "{}", outer);
            }
        }
    }

    #[test]
    fn no_form_opens_more_than_the_address_itself(bits in any::<u32>(), prefix in 0_u8..=32) {
        let v4 = Ipv4Addr::from(bits);
        let net = Ipv4Net::new(Ipv4Addr::from(bits ^ 1), prefix).unwrap();
        let allowed = [IpNet::V4(net), IpNet::V6(v6([0; 8], 0))];
        if may_dial(v4.into(), &allowed).is_err() {
            // With all of IPv6 open, only what is inside decides.
            for outer in wrapped(v4) {
                prop_assert!(may_dial(outer.into(), &allowed).is_err(), "{}", outer);
            }
        }
    }

    #[test]
    fn opening_a_network_never_closes_an_address(bits in any::<u128>(), net in any::<u128>(), prefix in 0_u8..=128) {
        let address = IpAddr::V6(Ipv6Addr::from(bits));
        let allowed = [IpNet::V6(Ipv6Net::new(Ipv6Addr::from(net), prefix).unwrap())];
        if may_dial(address, &[]).is_ok() {
            prop_assert_eq!(may_dial(address, &allowed), Ok(()));
        }
    }

    #[test]
    fn only_global_unicast_and_nat64_pass_without_leave(bits in any::<u128>()) {
        let address = Ipv6Addr::from(bits);
        if may_dial(address.into(), &[]).is_ok() {
            prop_assert!(
                address.segments()[0] & 0xe000 == 0x2000
                    || NAT64.contains(&address)
                    || address.to_ipv4_mapped().is_some()
            );
        }
    }
}

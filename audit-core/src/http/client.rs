//! The client's address: a walk from the peer towards the client, for as long as each hop is trusted.

use std::net::IpAddr;

use super::hops::hops;
use super::{ProxyHeader, TrustedProxies};

/// The client's address, as far as it is vouched for.
///
/// `peer` is who is connected. `values` are the values of the [header](ProxyHeader) that the proxies write, in the order
/// in which they stand in the request. The walk goes from right to left: a hop that is trusted vouches for the one before
/// it, and the first that is not trusted is the client. What stands further left was written by the client, and is not
/// looked at. Where a trusted hop names nobody (`unknown`, `_hidden`, garbage, nothing), the address of that hop is the
/// last that is known.
///
/// # Examples
///
/// ```
/// use audit_core::http::{TrustedProxies, client_address};
///
/// let proxies: TrustedProxies = "10.0.0.0/8".parse()?;
/// let header: &[u8] = b"6.6.6.6, 203.0.113.9, 10.0.0.2";
/// let client = client_address("10.0.0.1".parse()?, [header], &proxies);
/// assert_eq!(client.to_string(), "203.0.113.9");
/// // Who is connected is not trusted, so nothing that it says is.
/// let client = client_address("198.51.100.3".parse()?, [header], &proxies);
/// assert_eq!(client.to_string(), "198.51.100.3");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn client_address<'a, V>(peer: IpAddr, values: V, proxies: &TrustedProxies) -> IpAddr
where
    V: IntoIterator<Item = &'a [u8], IntoIter: DoubleEndedIterator>,
{
    let mut nearest = peer.to_canonical();
    if !proxies.contains(nearest) {
        return nearest;
    }
    let mut values = values.into_iter().rev().peekable();
    if proxies.header() == ProxyHeader::XRealIp {
        let only = values.next().filter(|_| values.peek().is_none());
        return only.and_then(|value| hops(value, ProxyHeader::XRealIp).next().flatten()).unwrap_or(nearest);
    }
    for hop in values.flat_map(|value| hops(value, proxies.header())) {
        let Some(address) = hop else { break };
        nearest = address;
        if !proxies.contains(nearest) {
            break;
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn walk(header: ProxyHeader, peer: &str, values: &[&str]) -> String {
        let proxies: TrustedProxies = "10.0.0.0/8, fd00::/8".parse().unwrap();
        let values: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
        client_address(peer.parse().unwrap(), values, &proxies.with_header(header)).to_string()
    }

    #[test]
    fn x_forwarded_for_is_believed_as_far_as_trusted_hops_wrote_it() {
        #[rustfmt::skip]
        let table: &[(&str, &[&str], &str)] = &[
            // The peer is not trusted.
            ("203.0.113.9", &["1.1.1.1"], "203.0.113.9"),
            ("203.0.113.9", &["10.0.0.1"], "203.0.113.9"),
            ("::ffff:203.0.113.9", &["1.1.1.1"], "203.0.113.9"),
            // It is.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("fd00::1", &["2001:db8::9"], "2001:db8::9"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1,203.0.113.9 ,\t10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.9", "10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9", "10.0.0.3, 10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // Ports, brackets, zones.
            ("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", &["[2001:db8::9]:4711"], "2001:db8::9"),
            ("10.0.0.1", &["[2001:db8::9]"], "2001:db8::9"),
            ("10.0.0.1", &["fe80::1%eth0"], "fe80::1"),
            ("10.0.0.1", &["[fe80::1%25eth0]:80"], "fe80::1"),
            ("10.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["9.9.9.9, ::ffff:10.0.0.7"], "9.9.9.9"),
            // A hop that names nobody ends the walk.
            ("10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1, _hidden, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["1.1.1.1, , 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["1.1.1.1,"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1 2.2.2.2"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1;2.2.2.2"], "10.0.0.1"),
            ("10.0.0.1", &["\"1.1.1.1\""], "10.0.0.1"),
            ("10.0.0.1", &["for=1.1.1.1"], "10.0.0.1"),
            ("10.0.0.1", &["01.1.1.1"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1:"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1:99999"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1:+80"], "10.0.0.1"),
            ("10.0.0.1", &["[1.1.1.1]"], "10.0.0.1"),
            ("10.0.0.1", &["[2001:db8::9"], "10.0.0.1"),
            ("10.0.0.1", &["[2001:db8::9]4711"], "10.0.0.1"),
            ("10.0.0.1", &["fe80::1%"], "10.0.0.1"),
            ("10.0.0.1", &["example.org"], "10.0.0.1"),
        ];
        for (peer, values, client) in table {
            assert_eq!(walk(ProxyHeader::XForwardedFor, peer, values), *client, "{peer} {values:?}");
        }
    }

    #[test]
    fn forwarded_is_believed_as_far_as_trusted_hops_wrote_it() {
        #[rustfmt::skip]
        let table: &[(&str, &[&str], &str)] = &[
            ("203.0.113.9", &["for=1.1.1.1"], "203.0.113.9"),
            ("10.0.0.1", &["for=203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["For=203.0.113.9;proto=https;by=10.0.0.1"], "203.0.113.9"),
            ("10.0.0.1", &["by=10.0.0.1; for=203.0.113.9 ;host=\"a,b;for=6.6.6.6\""], "203.0.113.9"),
            ("10.0.0.1", &["for=\"[2001:db8::9]:4711\""], "2001:db8::9"),
            ("10.0.0.1", &["for=\"[2001:db8::9]\", for=10.0.0.2"], "2001:db8::9"),
            ("10.0.0.1", &["for=\"203.0.113.9:_port\""], "203.0.113.9"),
            ("10.0.0.1", &["for=1.1.1.1, for=203.0.113.9", "for=10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["for=\"203.0.113\\.9\""], "203.0.113.9"),
            // An open quote of the client's swallows nothing of what a proxy wrote.
            ("10.0.0.1", &["for=\", for=203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["for=\"\\, for=\"[2001:db8::9]\""], "2001:db8::9"),
            // A proxy quotes what the client sent as its host.
            ("10.0.0.1", &["for=203.0.113.9;host=\"x\\\", for=6.6.6.6;x=\\\"\""], "203.0.113.9"),
            ("10.0.0.1", &["for=203.0.113.9;host=\"x\\\\\""], "203.0.113.9"),
            // A hop that names nobody.
            ("10.0.0.1", &["for=1.1.1.1, for=unknown"], "10.0.0.1"),
            ("10.0.0.1", &["for=1.1.1.1, for=_hidden, for=10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["for=1.1.1.1, proto=https"], "10.0.0.1"),
            ("10.0.0.1", &["for=1.1.1.1;for=2.2.2.2"], "10.0.0.1"),
            ("10.0.0.1", &["for=1.1.1.1;"], "10.0.0.1"),
            ("10.0.0.1", &["for=1.1.1.1 ;; proto=http"], "10.0.0.1"),
            ("10.0.0.1", &["for=\"1.1.1.1"], "10.0.0.1"),
            ("10.0.0.1", &["for=1.1.1.1\""], "10.0.0.1"),
            ("10.0.0.1", &["for=\"1.1.1.1\"x"], "10.0.0.1"),
            ("10.0.0.1", &["for = 1.1.1.1"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1"], "10.0.0.1"),
            ("10.0.0.1", &["for=[2001:db8::9]"], "10.0.0.1"),
            ("10.0.0.1", &["for=2001:db8::9"], "10.0.0.1"),
            ("10.0.0.1", &["for=203.0.113.9:80"], "10.0.0.1"),
        ];
        for (peer, values, client) in table {
            assert_eq!(walk(ProxyHeader::Forwarded, peer, values), *client, "{peer} {values:?}");
        }
    }

    #[test]
    fn x_real_ip_is_believed_once() {
        let walk = |peer, values: &[&str]| walk(ProxyHeader::XRealIp, peer, values);
        assert_eq!(walk("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(walk("10.0.0.1", &["1.1.1.1", "203.0.113.9"]), "10.0.0.1");
        assert_eq!(walk("10.0.0.1", &["1.1.1.1, 203.0.113.9"]), "10.0.0.1");
        assert_eq!(walk("203.0.113.9", &["1.1.1.1"]), "203.0.113.9");
        assert_eq!(walk("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn a_hundred_hops_are_walked() {
        let hops: Vec<_> = (0..100).map(|hop| format!("10.0.1.{hop}")).collect();
        let value = format!("6.6.6.6, 203.0.113.9, {}", hops.join(", "));
        assert_eq!(walk(ProxyHeader::XForwardedFor, "10.0.0.1", &[&value]), "203.0.113.9");
        let lines: Vec<_> = std::iter::once("203.0.113.9").chain(hops.iter().map(String::as_str)).collect();
        assert_eq!(walk(ProxyHeader::XForwardedFor, "10.0.0.1", &lines), "203.0.113.9");
    }

    fn outsider() -> impl Strategy<Value = IpAddr> {
        let v4 = (11u8..=200, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| Ipv4Addr::new(a, b, c, d).into());
        let v6 = any::<u64>().prop_map(|bits| Ipv6Addr::from((0x2001_0db8_u128 << 96) | u128::from(bits)).into());
        prop_oneof![v4, v6]
    }

    fn proxy() -> impl Strategy<Value = IpAddr> {
        any::<[u8; 3]>().prop_map(|[b, c, d]| Ipv4Addr::new(10, b, c, d).into())
    }

    /// Whatever a client may write.
    fn spoof() -> impl Strategy<Value = String> {
        let pieces = [
            "for=", "\"", "\\", ",", ";", " ", "10.0.0.1", "6.6.6.6", "[::1]", "unknown", "_x", ":80", "%", "host=\"",
            "by=",
        ];
        let words = vec(proptest::sample::select(pieces.to_vec()), 0..12).prop_map(|words| words.concat());
        prop_oneof![words, "[ -~]{0,40}"]
    }

    /// What a proxy adds for the hop that is connected to it.
    fn element(header: ProxyHeader, hop: IpAddr, with_port: bool) -> String {
        let port = if with_port { ":4711" } else { "" };
        let node = match hop {
            IpAddr::V4(hop) => format!("{hop}{port}"),
            IpAddr::V6(hop) => format!("[{hop}]{port}"),
        };
        match header {
            ProxyHeader::Forwarded => format!("proto=https;for=\"{node}\";host=\"a\\\", for=6.6.6.6;b=\\\"\""),
            _ => node,
        }
    }

    proptest! {
        #[test]
        fn who_is_not_trusted_is_the_client_whatever_it_says(
            peer in outsider(), spoofs in vec(spoof(), 0..4),
            header in proptest::sample::select(vec![ProxyHeader::XForwardedFor, ProxyHeader::Forwarded, ProxyHeader::XRealIp]),
        ) {
            let values: Vec<_> = spoofs.iter().map(String::as_bytes).collect();
            let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
            prop_assert_eq!(client_address(peer, values, &proxies.with_header(header)), peer);
            prop_assert_eq!(client_address(peer, [], &TrustedProxies::default()), peer);
        }

        #[test]
        fn whatever_a_client_writes_the_hop_that_a_trusted_one_saw_is_recorded(
            client in outsider(), chain in vec(proxy(), 1..8), spoofs in vec(spoof(), 0..4), joins in vec(any::<bool>(), 8),
            with_port in any::<bool>(),
            header in proptest::sample::select(vec![ProxyHeader::XForwardedFor, ProxyHeader::Forwarded]),
        ) {
            let mut values = spoofs;
            // Each hop is seen by the next, which appends it to the last value, or adds a value.
            let mut seen = client;
            for (proxy, joins) in chain.iter().zip(joins) {
                let element = element(header, seen, with_port);
                match values.last_mut() {
                    Some(last) if joins => *last = format!("{last}, {element}"),
                    _ => values.push(element),
                }
                seen = *proxy;
            }
            let values: Vec<_> = values.iter().map(String::as_bytes).collect();
            let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
            prop_assert_eq!(client_address(seen, values, &proxies.with_header(header)), client);
        }
    }
}

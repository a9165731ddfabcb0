//! Requests of clients that write whatever they like into their headers, through chains of trusted proxies.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use audit_core::http::{ProxyHeader, TrustedProxies};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const HEADERS: [ProxyHeader; 3] = [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded, ProxyHeader::XRealIp];

/// A request as it arrives, and whose it is.
#[derive(Debug, Clone)]
pub struct Spoofed {
    /// Who is connected.
    pub peer: IpAddr,
    /// Names and values, in their order.
    pub headers: Vec<(&'static str, String)>,
    /// The header that the proxies write.
    pub header: ProxyHeader,
    /// What has to be recorded: who a trusted hop saw, or who is connected.
    pub client: IpAddr,
}

impl Spoofed {
    /// The proxies that are trusted, and the header that they write.
    ///
    /// # Panics
    ///
    /// Never: the text is a list of networks.
    #[must_use]
    pub fn proxies(&self) -> TrustedProxies {
        "10.0.0.0/8, fd00::/8".parse::<TrustedProxies>().expect("these are networks").with_header(self.header)
    }
}

/// Requests in every combination: up to a hundred hops, IPv4 and IPv6, ports, several headers of several names, garbage.
pub fn spoofed() -> impl Strategy<Value = Spoofed> {
    let chain = prop_oneof![vec(proxy(), 0..6), vec(proxy(), 95..=100)];
    let noise = vec((select(HEADERS.to_vec()), spoof()), 0..6);
    let with_ports = vec(any::<bool>(), 101);
    (outsider(), chain, noise, with_ports, vec(any::<bool>(), 101), select(HEADERS.to_vec())).prop_map(
        |(client, mut chain, noise, with_ports, joins, header)| {
            if header == ProxyHeader::XRealIp {
                // It is no list: one proxy sets it, and takes out what was there.
                chain.truncate(1);
            }
            let mut headers: Vec<_> = noise.into_iter().map(|(header, value)| (header.name(), value)).collect();
            if header == ProxyHeader::XRealIp && !chain.is_empty() {
                headers.retain(|(name, _)| *name != header.name());
            }
            let mut seen = client;
            for ((proxy, with_port), join) in chain.iter().zip(with_ports).zip(joins) {
                append(&mut headers, header, element(header, seen, with_port), join);
                seen = *proxy;
            }
            Spoofed { peer: seen, headers, header, client }
        },
    )
}

/// A proxy adds an element to the last value of its header, or adds a value.
fn append(headers: &mut Vec<(&'static str, String)>, header: ProxyHeader, element: String, join: bool) {
    match headers.iter_mut().rev().find(|(name, _)| *name == header.name()) {
        Some((_, last)) if join => *last = format!("{last}, {element}"),
        _ => headers.push((header.name(), element)),
    }
}

/// What a proxy writes of the hop that is connected to it.
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

fn outsider() -> impl Strategy<Value = IpAddr> {
    let v4 = (11u8..=200, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| Ipv4Addr::new(a, b, c, d).into());
    let v6 = any::<u64>().prop_map(|bits| Ipv6Addr::from((0x2001_0db8_u128 << 96) | u128::from(bits)).into());
    prop_oneof![v4, v6]
}

fn proxy() -> impl Strategy<Value = IpAddr> {
    let v4 = any::<[u8; 3]>().prop_map(|[b, c, d]| Ipv4Addr::new(10, b, c, d).into());
    let v6 = any::<u64>().prop_map(|bits| Ipv6Addr::from((0xfd00_u128 << 112) | u128::from(bits)).into());
    prop_oneof![v4, v6]
}

/// Whatever a client may write.
fn spoof() -> impl Strategy<Value = String> {
    let pieces = [
        "for=",
        "\"",
        "\\",
        ",",
        ";",
        " ",
        "10.0.0.1",
        "6.6.6.6",
        "[::1]",
        "[fd00::1]",
        "unknown",
        "_x",
        ":80",
        "%",
        "host=\"",
        "by=",
        "\t",
        "é",
        "１０.0.0.1",
    ];
    let words = vec(select(pieces.to_vec()), 0..12).prop_map(|words| words.concat());
    prop_oneof![words, "[ -~\u{80}-\u{10FFFF}]{0,40}"]
}

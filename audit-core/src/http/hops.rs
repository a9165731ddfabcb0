//! The hops that a value of a header names, from the right.
//!
//! The value is taken apart from its right end, because that is what the nearest proxy wrote: nothing that a client wrote
//! further left can then change how it is read, an open quote say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ProxyHeader;

/// The hops, the nearest first; none for one that names no address. `X-Real-IP` is no list.
pub(super) fn hops(value: &[u8], header: ProxyHeader) -> impl Iterator<Item = Option<IpAddr>> {
    let has_strings = header == ProxyHeader::Forwarded;
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let comma = if header == ProxyHeader::XRealIp { None } else { last_comma(value, has_strings) };
        let (left, element) = match comma {
            Some(comma) => (Some(&value[..comma]), &value[comma + 1..]),
            None => (None, value),
        };
        rest = left;
        let element = str::from_utf8(element).unwrap_or_default().trim_matches([' ', '\t']);
        Some(if has_strings { forwarded_for(element) } else { node(element) })
    })
}

/// The last comma, outside of quoted strings where there are such. A quote that a backslash stands before is part of the
/// string that it is in.
fn last_comma(value: &[u8], has_strings: bool) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in value.iter().enumerate().rev() {
        match byte {
            b'"' if has_strings => {
                let backslashes = value[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
                quoted = if quoted { backslashes % 2 == 1 } else { true };
            }
            b',' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// The address of the one `for` parameter of an element of `Forwarded` (RFC 7239, section 4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    let mut rest = element;
    loop {
        let (name, after) = rest.trim_start_matches([' ', '\t']).split_once('=')?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return None;
        }
        let (value, after) = parameter(after)?;
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
        let after = after.trim_start_matches([' ', '\t']);
        if after.is_empty() {
            return node(&found?);
        }
        rest = after.strip_prefix(';')?;
    }
}

/// A value, a token or a quoted string, and what follows it.
fn parameter(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|byte| !is_token(byte)).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// RFC 9110, section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, `[fe80::1%eth0]`. The
/// zone says nothing to others, and is left out.
fn node(text: &str) -> Option<IpAddr> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let is_whole = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return v6(address).filter(|_| is_whole);
    }
    match text.split_once(':') {
        None => v4(text),
        Some((address, port)) if !port.contains(':') => v4(address).filter(|_| is_port(port)),
        Some(_) => v6(text),
    }
}

fn v4(text: &str) -> Option<IpAddr> {
    text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

fn v6(text: &str) -> Option<IpAddr> {
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    let is_zone = |zone: &str| {
        !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte))
    };
    let address = address.parse::<Ipv6Addr>().ok()?;
    zone.is_none_or(is_zone).then(|| IpAddr::V6(address).to_canonical())
}

/// A port, or the name that hides it (RFC 7239, section 6).
fn is_port(text: &str) -> bool {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    let is_hidden = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    is_number || text.strip_prefix('_').is_some_and(is_hidden)
}

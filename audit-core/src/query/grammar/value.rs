//! What stands behind a field's colon.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::{IpNet, Ipv4Net};
use uuid::Uuid;

use super::ParseError;
use super::field::nearest;
use super::word::Text;
use crate::ActorType;
use crate::query::Moment;
use crate::query::filter::{Condition, Pattern, Period, TextColumn};

pub(super) fn missing(value: &Text<'_>, what: &str) -> ParseError {
    ParseError::new(value.span(), format!("{what} is missing"))
}

/// A text, or the beginning of one.
pub(super) fn pattern(value: &Text<'_>, what: &str) -> Result<Pattern, ParseError> {
    let (text, make) = match value.strip_end('*') {
        Some(beginning) => (beginning, Pattern::Prefix as fn(String) -> Pattern),
        None if value.is_missing() => return Err(missing(value, what)),
        None => (value.clone(), Pattern::Exact as fn(String) -> Pattern),
    };
    if let Some(star) = text.syntax('*') {
        return Err(ParseError::new(star, "a `*` stands only at the end").with_hint("write \"*\" for the character"));
    }
    Ok(make(text.to_string()))
}

/// An actor's id, or its type too.
pub(super) fn actor(value: &Text<'_>) -> Result<Condition, ParseError> {
    let Some((kind, id)) = value.split_at(['/', ':']) else {
        return Ok(Condition::text(TextColumn::ActorId, pattern(value, "an id")?));
    };
    let kind = word(&kind, "a type of actor", &ActorType::ALL, ActorType::as_str).map_err(|error| {
        error.with_hint("write user/ID, system/ID or api_key/ID; an id with a `/` or `:` stands in quotes: \"a/b\"")
    })?;
    Ok(Condition::actor(kind, pattern(&id, "an id")?))
}

/// A target's id, or its type too.
pub(super) fn target(value: &Text<'_>) -> Result<Condition, ParseError> {
    let Some((kind, id)) = value.split_at(['/', ':']) else {
        return Ok(Condition::text(TextColumn::TargetId, pattern(value, "an id")?));
    };
    if kind.is_empty() {
        return Err(missing(&kind, "a type before the id").with_hint("write target:project/proj_456"));
    }
    if let Some(star) = kind.syntax('*') {
        return Err(ParseError::new(star, "a `*` stands only at the end").with_hint("write target_type:project*"));
    }
    Ok(Condition::target(kind.to_string(), pattern(&id, "an id")?))
}

/// One of a few words.
pub(super) fn word<T: Copy + 'static>(
    value: &Text<'_>,
    what: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, ParseError> {
    let text = value.to_string();
    all.iter().copied().find(|one| as_str(*one) == text).ok_or_else(|| {
        let error = ParseError::new(value.span(), format!("`{text}` is not {what}"));
        let names = || all.iter().copied().map(as_str);
        match nearest(&text.to_ascii_lowercase(), names()) {
            Some(meant) => error.with_hint(format!("did you mean `{meant}`?")),
            None => error.with_hint(format!("write {}", names().collect::<Vec<_>>().join(", "))),
        }
    })
}

/// A span of time.
pub(super) fn created(value: &Text<'_>, now: DateTime<Utc>) -> Result<Period, ParseError> {
    let text = value.to_string();
    let wrong = |message: &str| ParseError::new(value.span(), message);
    let moment = |text: &str| {
        let unreadable = |error| wrong(&format!("`{text}` is no time")).with_hint(format!("{error}"));
        text.parse::<Moment>().map_err(unreadable)
    };
    if let Some(text) = text.strip_prefix(">=") {
        return Ok(Period::since(moment(text)?.start(now)));
    }
    if let Some(text) = text.strip_prefix("<=") {
        return Ok(Period::until(moment(text)?.after(now)));
    }
    if let Some(text) = text.strip_prefix('>') {
        return Ok(Period::since(moment(text)?.after(now)));
    }
    if let Some(text) = text.strip_prefix('<') {
        return Ok(Period::until(moment(text)?.start(now)));
    }
    match text.split_once("..") {
        None => {
            let moment = moment(&text)?;
            if matches!(moment, Moment::Ago(_)) {
                return Err(wrong("this is a moment, and no span of time")
                    .with_hint(format!("write created:>={text} for everything since then")));
            }
            let years = || wrong("the log knows the years 1 to 9999");
            Period::between(moment.start(now), moment.after(now)).ok_or_else(years)
        }
        Some(("", "")) => Err(wrong("a range needs a beginning or an end")),
        Some((since, "")) => Ok(Period::since(moment(since)?.start(now))),
        Some(("", until)) => Ok(Period::until(moment(until)?.after(now))),
        Some((since, until)) => {
            let (since, until) = (moment(since)?.start(now), moment(until)?.after(now));
            Period::between(since, until)
                .ok_or_else(|| wrong("the range ends before it begins").with_hint("the earlier time comes first"))
        }
    }
}

/// An address or a network. One of IPv4 within IPv6 is one of IPv4, as rows hold it.
pub(super) fn network(value: &Text<'_>) -> Result<IpNet, ParseError> {
    const MAPPED_BITS: u8 = 96;
    let text = value.to_string();
    let network = match text.parse::<IpAddr>() {
        Ok(address) => Ok(IpNet::from(address)),
        Err(_) => text.parse::<IpNet>(),
    };
    let network = network.map_err(|_| {
        ParseError::new(value.span(), format!("`{text}` is neither an address nor a network"))
            .with_hint("write ip:10.0.0.1, ip:10.0.0.0/8 or ip:2001:db8::/32")
    })?;
    if let IpNet::V6(mapped) = network
        && let (Some(address), Some(bits)) =
            (mapped.addr().to_ipv4_mapped(), mapped.prefix_len().checked_sub(MAPPED_BITS))
    {
        return Ok(Ipv4Net::new_assert(address, bits).trunc().into());
    }
    Ok(network.trunc())
}

pub(super) fn id(value: &Text<'_>) -> Result<Uuid, ParseError> {
    let text = value.to_string();
    text.parse().map_err(|_| {
        ParseError::new(value.span(), format!("`{text}` is no id of an entry"))
            .with_hint("write a UUID; `actor` and `target` take ids of the application")
    })
}

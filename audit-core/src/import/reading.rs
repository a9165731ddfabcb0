//! From the texts of a record to a row of the log.

use std::net::IpAddr;

use chrono::{DateTime, Days, NaiveDateTime, Utc};
use uuid::Uuid;

use super::source::Source;
use super::{Field, Record, Rejection};
use crate::batch::Draft;
use crate::{ActionName, Actor, ActorType, AuditAction, Metadata, Outcome, Row, catalog};

/// How far a row may lie ahead: one day less than partitions are made for, for clocks that differ.
const DAYS_AHEAD: Days = Days::new(13);

/// Makes a record a row that every store takes.
pub(super) fn read(record: &Record, source: &Source, now: DateTime<Utc>) -> Result<Draft, Rejection> {
    let text = |field| record.get(field).map(str::to_owned);
    let action = action(record.get(Field::Action).ok_or(Rejection::Missing(Field::Action))?)?;
    let mut metadata = record.get(Field::Metadata).map_or_else(Metadata::new, Metadata::from_json);
    if !action.is_listed() {
        metadata.mark("unlisted", true.into());
    }
    Ok(Draft::imported(Row {
        id: source.id_of(record),
        actor_type: actor_type(record)?,
        actor_id: Some(text(Field::ActorId).unwrap_or_else(|| Actor::UNATTRIBUTED.to_owned())),
        target_type: text(Field::TargetType).unwrap_or_else(|| target_type(&action).to_owned()),
        target_id: text(Field::TargetId),
        action: action.into(),
        metadata,
        ip_address: record.get(Field::IpAddress).map(ip_address).transpose()?,
        user_agent: text(Field::UserAgent),
        created_at: created_at(record.get(Field::CreatedAt).ok_or(Rejection::Missing(Field::CreatedAt))?, now)?,
        outcome: record.get(Field::Outcome).map_or(Ok(Outcome::Success), outcome)?,
        error: text(Field::Error),
        duration_us: record.get(Field::DurationUs).map(duration_us).transpose()?,
        attempt_id: None,
        request_id: text(Field::RequestId),
        trace_id: text(Field::TraceId),
        span_id: text(Field::SpanId),
        tenant_id: text(Field::TenantId),
        on_behalf_of: text(Field::OnBehalfOf),
        origin: Some(source.origin()),
        recorded_at: None,
        stream_id: Uuid::nil(),
        seq: 0,
        salt: None,
        redacted: None,
    }))
}

const fn unreadable(field: Field, wanted: &'static str) -> Rejection {
    Rejection::Unreadable { field, wanted }
}

fn action(text: &str) -> Result<ActionName, Rejection> {
    ActionName::parse::<AuditAction>(text)
        .or_else(|_| ActionName::unlisted(text))
        .map_err(|_| unreadable(Field::Action, "lower-case words joined by dots"))
}

fn actor_type(record: &Record) -> Result<ActorType, Rejection> {
    match (record.get(Field::ActorType), record.get(Field::ActorId)) {
        (Some(text), _) => text.parse().map_err(|_| unreadable(Field::ActorType, "user, system or api_key")),
        (None, None) => Ok(ActorType::System),
        (None, Some(_)) => Err(Rejection::Missing(Field::ActorType)),
    }
}

fn target_type(action: &ActionName) -> &str {
    let first_word = || action.as_str().split('.').next().unwrap_or_default();
    catalog::find::<AuditAction>(action.as_str()).map_or_else(first_word, |info| info.target)
}

/// As PostgreSQL and people write it. A network is no address.
fn ip_address(text: &str) -> Result<IpAddr, Rejection> {
    let refuse = unreadable(Field::IpAddress, "an IP address");
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| refuse)?;
    let whole = if address.is_ipv4() { "32" } else { "128" };
    if length.is_some_and(|length| length != whole) {
        return Err(refuse);
    }
    Ok(address.to_canonical())
}

/// RFC 3339, with a blank instead of the T perhaps, whole hours as zone, or none.
fn created_at(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Rejection> {
    let zoned = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"];
    let bare = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
    let with_zone =
        || zoned.iter().find_map(|format| DateTime::parse_from_str(text, format).ok()).map(|at| at.to_utc());
    let without = || bare.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let at = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    let at = at.or_else(with_zone).or_else(|| without().map(|at| at.and_utc()));
    let at = at.and_then(|at| DateTime::from_timestamp_micros(at.timestamp_micros()));
    let at = at.ok_or(unreadable(Field::CreatedAt, "a time such as 2024-02-29T12:00:00Z"))?;
    if at < DateTime::UNIX_EPOCH {
        Err(Rejection::TooOld)
    } else if now.checked_add_days(DAYS_AHEAD).is_some_and(|limit| at > limit) {
        Err(Rejection::TooNew)
    } else {
        Ok(at)
    }
}

fn outcome(text: &str) -> Result<Outcome, Rejection> {
    text.parse().map_err(|_| unreadable(Field::Outcome, "success, failure, denied, cancelled, panicked or attempted"))
}

fn duration_us(text: &str) -> Result<i64, Rejection> {
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.ok_or(unreadable(Field::DurationUs, "a whole number of µs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-01-01T00:00:00Z".parse().expect("a time")
    }

    #[test]
    fn times_are_read_as_databases_and_people_write_them() {
        let same = [
            "2024-02-29T12:00:00.123456Z",
            "2024-02-29 12:00:00.123456+00",
            "2024-02-29 12:00:00.123456",
            "2024-02-29T14:00:00.123456+02:00",
            "2024-02-29 17:30:00.123456+0530",
        ];
        for text in same {
            let read = created_at(text, now()).map(|at| at.timestamp_micros());
            assert_eq!(read, Ok(1_709_208_000_123_456), "{text}");
        }
        for text in ["infinity", "-infinity", "0044-03-15 00:00:00+00 BC", "", "yesterday", "10000-01-01 00:00:00+00"] {
            assert!(matches!(created_at(text, now()), Err(Rejection::Unreadable { .. })), "{text}");
        }
        assert_eq!(created_at("1969-12-31T23:59:59Z", now()), Err(Rejection::TooOld));
        assert_eq!(created_at("2026-01-14T00:00:01Z", now()), Err(Rejection::TooNew));
    }

    #[test]
    fn an_address_is_one_address() {
        for (text, address) in [
            ("192.168.1.1", "192.168.1.1"),
            ("192.168.1.1/32", "192.168.1.1"),
            ("2001:db8::1/128", "2001:db8::1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(ip_address(text).map(|address| address.to_string()), Ok(address.to_owned()));
        }
        for text in ["10.0.0.0/8", "10.0.0.1:443", "localhost", "", "::1/64"] {
            assert!(ip_address(text).is_err(), "{text}");
        }
    }
}

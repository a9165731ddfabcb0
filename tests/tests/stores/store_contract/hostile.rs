//! Entries made of what databases refuse or rewrite.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use audit_core::{ActionName, Actor, ActorType, Context, Entry, EntryBuilder, Metadata, Outcome, Target};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Number, Value, json};
use uuid::Uuid;

/// The last second of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// Any entry that a caller can make.
pub(super) fn entry() -> impl Strategy<Value = Entry> {
    let actor = (select(&ActorType::ALL), text()).prop_map(|(actor_type, id)| Actor { actor_type, id });
    let target = (text(), text()).prop_map(|(kind, id)| Target::new(kind, id));
    let end = (select(&Outcome::ALL), proptest::option::of(text()), any::<Option<Duration>>(), any::<Option<u128>>());
    let parts = (time(), metadata(), context(), proptest::option::of(actor), proptest::option::of(target), end);
    parts.prop_map(|(at, metadata, context, actor, target, (outcome, error, duration, attempt))| {
        let action = ActionName::unlisted("door.opened").expect("a well-formed name");
        let mut entry = Entry::builder(action).created_at(at).metadata_all(metadata).context(context);
        entry = actor.into_iter().fold(entry, EntryBuilder::actor);
        entry = target.into_iter().fold(entry, EntryBuilder::target);
        entry = error.into_iter().fold(entry, EntryBuilder::failure);
        entry = duration.into_iter().fold(entry, EntryBuilder::duration);
        entry = attempt.into_iter().fold(entry, |entry, id| entry.attempt_id(Uuid::from_u128(id)));
        entry.outcome(outcome).build()
    })
}

fn context() -> impl Strategy<Value = Context> {
    let texts = proptest::collection::vec(text(), 7);
    (any::<Option<IpAddr>>(), texts, any::<bool>()).prop_map(|(address, texts, filled)| {
        let mut context = address.into_iter().fold(Context::new(), Context::with_ip_address);
        if let (true, [agent, request, tenant, other, trace, span, origin]) = (filled, texts.as_slice()) {
            context = context
                .with_user_agent(agent)
                .with_request_id(request)
                .with_tenant_id(tenant)
                .with_on_behalf_of(other)
                .with_trace_id(trace)
                .with_span_id(span)
                .with_origin(origin);
        }
        context
    })
}

/// Now, most of the time; else any moment from 1970 to 9999.
fn time() -> impl Strategy<Value = SystemTime> {
    prop_oneof![
        8 => Just(()).prop_map(|()| SystemTime::now()),
        1 => (0..=LAST_SECOND, 0..1_000_000_000_u32)
            .prop_map(|(seconds, nanos)| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)),
    ]
}

/// Any text; some with NUL, some longer than a column or an index takes, some that look like syntax.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => any::<String>(),
        1 => ".{0,8}\\x00.{0,8}",
        1 => any::<u64>().prop_map(noise),
        1 => select(&["", "\\N", "NULL", "{}", "\\x00", "'; DROP TABLE audit_logs; --", "127.0.0.1:80", "\u{FEFF}"])
            .prop_map(str::to_owned),
    ]
}

/// 5,000 characters that do not compress.
fn noise(seed: u64) -> String {
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    let numbers = std::iter::successors(Some(seed), next);
    numbers.take(5_000).filter_map(|number| char::from_u32((number >> 43) as u32)).collect()
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let details = proptest::collection::vec((text(), json()), 0..6).prop_map(|details| {
        let mut metadata = Metadata::new();
        for (name, value) in details {
            metadata.insert(name, &value);
        }
        metadata
    });
    let raw = prop_oneof![
        select(&[
            "",
            "{",
            "[1]",
            r#"{"a": 1e200000}"#,
            r#"{"a": "\ud800"}"#,
            r#"{"a": "\u0000", "\u0000": 1}"#,
            r#"{"a": 1, "a": 2}"#,
            r#"{"a": 123456789012345678901234567890.12345678901234567890}"#,
        ])
        .prop_map(str::to_owned),
        Just(format!(r#"{{"a": {}{}}}"#, "[".repeat(20_000), "]".repeat(20_000))),
    ];
    prop_oneof![6 => details, 1 => raw.prop_map(|text| Metadata::from_json(&text))]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| Number::from_f64(number).map_or(Value::Null, Value::Number)),
        select(&[0.0, -0.0, 5e-324, f64::MAX, 1e21, 1e-7, 0.1]).prop_map(|number| json!(number)),
        text().prop_map(Value::from),
        (20_000..100_000_usize).prop_map(|length| Value::from("x".repeat(length))),
    ];
    let tree = leaf.prop_recursive(6, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    });
    let deep = (20..60_u32).prop_map(|depth| (0..depth).fold(json!("core"), |inner, _| json!([inner])));
    prop_oneof![9 => tree, 1 => deep]
}

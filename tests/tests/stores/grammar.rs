//! Every query that the grammar accepts is answered, by both stores, with the rows that its filter means.

use std::time::{Duration, SystemTime};

use audit_core::batch::Freezer;
use audit_core::query::{Filter, Query, Reader};
use audit_core::{ActionName, Actor, ActorType, Context, Entry, Metadata, Outcome, Row, Target};
use chrono::{TimeDelta, Utc};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::log::{Log, for_both_stores};

/// Text that means something to SQL, JSON, patterns, terminals or the grammar, and text that nearly is another.
const TEXTS: [&str; 34] = [
    "a",
    "A",
    "ab",
    "Ab c",
    "a%b",
    "a_b",
    "axb",
    "%",
    "_",
    "\\",
    "a\\b",
    "*",
    "a*",
    "\"",
    "a\"b",
    "'",
    "'; DROP TABLE audit_logs --",
    "$1",
    "?",
    "é",
    "É",
    "ß",
    "ss",
    "İ",
    "\u{202e}x",
    "a\nb",
    "\u{1}",
    "\u{1f}f",
    "日本",
    "null",
    "true",
    "42",
    "4.5",
    "-a",
];
const KEYS: [&str; 6] = ["a", "name", "a.b", "a\"b", "é", "n\n"];
const ADDRESSES: [&str; 6] = ["10.0.0.1", "10.0.0.255", "10.1.0.1", "192.168.1.1", "2001:db8::1", "2001:db8:1::1"];
const ACTIONS: [&str; 4] = ["door.opened", "door.closed", "doors.opened", "key.made"];

fn text() -> impl Strategy<Value = String> {
    proptest::sample::select(&TEXTS[..]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    let numbers = vec![
        json!(42),
        json!(4.5),
        json!(-7),
        json!(0),
        json!(1e21),
        json!(1e20),
        json!(1e-7),
        json!(0.00001),
        json!(9.007_199_254_740_993e15),
        json!(1e18),
    ];
    let leaf = prop_oneof![
        text().prop_map(Value::from),
        proptest::sample::select(numbers),
        proptest::sample::select(vec![Value::Null, json!(true), json!(false)]),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            object(inner).prop_map(Value::Object),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map(proptest::sample::select(&KEYS[..]).prop_map(str::to_owned), inner, 0..3)
        .prop_map(|map| map.into_iter().collect())
}

fn entry() -> impl Strategy<Value = Entry> {
    let some = || proptest::option::of(text());
    let who = (text(), 0..ActorType::ALL.len(), some(), proptest::option::of(proptest::sample::select(&ADDRESSES[..])));
    let what = (proptest::sample::select(&ACTIONS[..]), proptest::option::of((text(), text())), object(value()));
    let how = (0..Outcome::ALL.len(), some(), some(), some(), some(), 0..60_u64);
    let whence = (some(), some(), proptest::option::of(0..3_u128));
    (who, what, how, whence).prop_map(|((actor, kind, agent, address), (action, target, metadata), how, whence)| {
        let (outcome, error, request, tenant, behalf, days) = how;
        let (trace, origin, attempt) = whence;
        let mut context = Context::new();
        for (value, with) in [
            (agent, Context::with_user_agent as fn(Context, String) -> Context),
            (request, Context::with_request_id),
            (tenant, Context::with_tenant_id),
            (behalf, Context::with_on_behalf_of),
            (trace, Context::with_trace_id),
            (origin, Context::with_origin),
        ] {
            context = value.into_iter().fold(context, with);
        }
        if let Some(address) = address {
            context = context.with_ip_address(address.parse::<std::net::IpAddr>().unwrap());
        }
        let mut entry = Entry::builder(ActionName::unlisted(action).unwrap())
            .actor(Actor { actor_type: ActorType::ALL[kind], id: actor })
            .metadata_all(Metadata::from(metadata))
            .context(context)
            .created_at(SystemTime::now() - Duration::from_secs(days * 86_400 + days));
        if let Some((kind, id)) = target {
            entry = entry.target(Target::new(kind, id));
        }
        if let Some(error) = error {
            entry = entry.failure(error);
        }
        if let Some(attempt) = attempt {
            entry = entry.attempt_id(Uuid::from_u128(attempt));
        }
        entry.outcome(Outcome::ALL[outcome]).build()
    })
}

/// A text as the grammar takes it for what it says.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => text().prop_map(|text| quoted(&text)),
        1 => text().prop_map(|text| format!("{}*", quoted(&text))),
        1 => Just("*".to_owned()),
    ]
}

fn word() -> impl Strategy<Value = String> {
    let field = proptest::sample::select(vec![
        "actor",
        "target",
        "request",
        "tenant",
        "on_behalf_of",
        "user_agent",
        "error",
        "target_type",
        "origin",
        "trace",
    ]);
    let action = proptest::sample::select(vec!["door.opened", "door.*", "door*", "*", "key.made", "nothing.done"]);
    let network = proptest::sample::select(vec![
        "10.0.0.0/24",
        "10.0.0.0/8",
        "0.0.0.0/0",
        "::/0",
        "2001:db8::/47",
        "10.0.0.1",
        "2001:db8::/32",
    ]);
    let days = || (0..60_u32).prop_map(|days| format!("{days}d"));
    let path = proptest::collection::vec(proptest::sample::select(&KEYS[..]), 1..3)
        .prop_map(|keys| keys.iter().map(|key| format!(".{}", quoted(key))).collect::<Vec<_>>().concat());
    let word = prop_oneof![
        1 => (field, pattern()).prop_map(|(field, pattern)| format!("{field}:{pattern}")),
        1 => action.prop_map(|action| format!("action:{action}")),
        1 => (0..ActorType::ALL.len(), pattern()).prop_map(|(kind, id)| format!("actor:{}/{id}", ActorType::ALL[kind])),
        1 => (0..ActorType::ALL.len()).prop_map(|kind| format!("actor_type:{}", ActorType::ALL[kind])),
        1 => (text(), pattern()).prop_map(|(kind, id)| format!("target:{}/{id}", quoted(&kind))),
        1 => (0..Outcome::ALL.len()).prop_map(|outcome| format!("outcome:{}", Outcome::ALL[outcome])),
        1 => network.prop_map(|network| format!("ip:{network}")),
        1 => days().prop_map(|days| format!("created:>={days}")),
        1 => days().prop_map(|days| format!("created:<{days}")),
        1 => days().prop_map(|days| format!("created:>{days}")),
        1 => days().prop_map(|days| format!("created:<={days}")),
        1 => (0..60_i64).prop_map(|days| format!("created:{}", (Utc::now() - TimeDelta::days(days)).format("%Y-%m-%d"))),
        1 => (0..60_i64).prop_map(|days| format!("created:{}", (Utc::now() - TimeDelta::days(days)).format("%Y-%m"))),
        1 => (0..4_u128).prop_map(|attempt| format!("attempt:{}", Uuid::from_u128(attempt))),
        1 => (0..30_u32, 30..60_u32).prop_map(|(until, since)| format!("created:{since}d..{until}d")),
        3 => (path, prop_oneof![pattern(), Just("1e21".to_owned()), Just("100000000000000000000".to_owned())])
            .prop_map(|(path, pattern)| format!("metadata{path}:{pattern}")),
        3 => prop_oneof![text(), Just("1000000".to_owned()), Just("0.00001".to_owned()), Just("a\":\"".to_owned())]
            .prop_map(|text| quoted(&text)),
    ];
    (proptest::bool::weighted(0.3), word).prop_map(|(negated, word)| if negated { format!("-{word}") } else { word })
}

/// What queries are made of, in no order: most of it is no query.
fn rubble() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "actor",
        "action",
        "target",
        "metadata",
        "created",
        "ip",
        "outcome",
        "id",
        "tenant",
        ":",
        ":",
        ":",
        "-",
        " ",
        " ",
        "\"",
        "\"",
        ".",
        "..",
        "/",
        "*",
        "\\",
        ">=",
        "<",
        "user",
        "door.opened",
        "denied",
        "10.0.0.0/8",
        "2026-11",
        "24h",
        "9999-12",
        "0001-01",
        "é",
        "'",
        "%",
        "$1",
        ";",
        "--",
        "\0",
        "\u{202e}",
    ];
    proptest::collection::vec(proptest::sample::select(PIECES), 1..9).prop_map(|pieces| pieces.concat())
}

for_both_stores! {
    every_accepted_query_finds_the_rows_that_its_filter_means
}

async fn every_accepted_query_finds_the_rows_that_its_filter_means(log: Log) {
    const QUERIES: usize = 400;
    let mut runner = TestRunner::default();
    let entries = proptest::collection::vec(entry(), 250).new_tree(&mut runner).unwrap().current();
    log.land(&Freezer::new().freeze(entries, SystemTime::now())).await;
    let reader = log.reader().await;
    let rows = all(&reader, Query::new()).await;
    assert_eq!(rows.len(), 250);

    let queries = proptest::collection::vec(proptest::collection::vec(word(), 1..4), QUERIES);
    // Each text alone in each place where the stores compare it, and then whatever comes.
    for text in TEXTS.iter().map(|text| quoted(text)) {
        for query in [&text, &format!("error:{text}"), &format!("actor:{text}*"), &format!("metadata.a:{text}")] {
            let filter: Filter = query.parse().unwrap();
            let expected: Vec<_> = rows.iter().filter(|row| filter.matches(row)).cloned().collect();
            assert_eq!(all(&reader, filter.into()).await, expected, "{query}");
        }
    }

    for row in rows.iter().step_by(50) {
        for text in [format!("id:{}", row.id), format!("-id:{} -id:{}", row.id, Uuid::nil())] {
            let filter: Filter = text.parse().unwrap();
            let expected: Vec<_> = rows.iter().filter(|row| filter.matches(row)).cloned().collect();
            assert_eq!(all(&reader, filter.into()).await, expected, "{text}");
        }
    }

    // Whatever is accepted is answered.
    let mut accepted = 0;
    for text in proptest::collection::vec(rubble(), 4_000).new_tree(&mut runner).unwrap().current() {
        let Ok(filter) = text.parse::<Filter>() else { continue };
        let expected: Vec<_> = rows.iter().filter(|row| filter.matches(row)).cloned().collect();
        assert_eq!(all(&reader, Query::from(filter).limit(1_000)).await, expected, "{text}");
        accepted += 1;
    }
    assert!(accepted > 50, "{accepted}");

    let (mut found, mut some) = (0, 0);
    for words in queries.new_tree(&mut runner).unwrap().current() {
        let text = words.join(" ");
        let filter: Filter = text.parse().unwrap();
        let expected: Vec<_> = rows.iter().filter(|row| filter.matches(row)).cloned().collect();
        let query = Query::from(filter).limit(1_000);
        assert_eq!(all(&reader, query.clone()).await, expected, "{text}");
        assert_eq!(reader.count(&query).await.unwrap().number(), expected.len() as u64, "{text}");
        let mut backwards = all(&reader, query.oldest_first()).await;
        backwards.reverse();
        assert_eq!(backwards, expected, "{text}");
        found += expected.len();
        some += usize::from(!expected.is_empty() && expected.len() < rows.len());
    }
    // Otherwise nothing was tested.
    assert!(found > QUERIES && some > QUERIES / 4, "{found} {some}");
}

async fn all(reader: &Reader, query: Query) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut page = reader.page(&query).await.unwrap();
    loop {
        rows.append(&mut page.rows);
        let Some(next) = page.next else { return rows };
        page = reader.page(&query.clone().after(next)).await.unwrap();
    }
}

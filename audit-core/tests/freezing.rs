//! What freezing promises whatever it is given.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use audit_core::batch::{Batch, Freezer};
use audit_core::{ActionName, Actor, ActorType, Context, Entry, EntryBuilder, Metadata, Outcome, Row, encoding};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

type Edit = Box<dyn Fn(&mut Row)>;

fn builder() -> EntryBuilder {
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    Entry::builder(action).target_id("door_7").actor(Actor::user("user_123"))
}

fn frozen(entry: EntryBuilder) -> Batch {
    Freezer::new().freeze(vec![entry.build()], SystemTime::now())
}

fn with(value: &Value) -> EntryBuilder {
    builder().metadata("v", value)
}

fn row(batch: &Batch) -> &Row {
    &batch.rows()[0].row
}

fn changes(batch: &Batch) -> Vec<(&str, &str)> {
    let marks = row(batch).metadata.get(Metadata::MARKS).and_then(|marks| marks.get("changed"));
    let marks = marks.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    marks.iter().filter_map(|mark| Some((mark["field"].as_str()?, mark["change"].as_str()?))).collect()
}

/// `levels` arrays, one in the other.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!("core"), |inner, _| Value::Array(vec![inner]))
}

#[test]
fn nul_becomes_a_replacement_character_in_text_values_and_keys() {
    let context = Context::new().with_user_agent("curl\0").with_request_id("\0");
    let entry = with(&json!({ "a\0b": "c\0d" })).metadata("k\0", "x").target_id("t\0").context(context);
    let batch = frozen(entry);
    assert_eq!(row(&batch).target_id.as_deref(), Some("t\u{FFFD}"));
    assert_eq!(row(&batch).user_agent.as_deref(), Some("curl\u{FFFD}"));
    assert_eq!(row(&batch).request_id.as_deref(), Some("\u{FFFD}"));
    assert_eq!(row(&batch).metadata.get("v"), Some(&json!({ "a\u{FFFD}b": "c\u{FFFD}d" })));
    assert_eq!(row(&batch).metadata.get("k\u{FFFD}"), Some(&json!("x")));
    assert_eq!(changes(&batch).len(), 6);
}

#[test]
fn over_long_text_is_cut_on_a_character_boundary_and_leaves_its_fingerprint() {
    let batch = frozen(builder().target_id("ü".repeat(300)));
    assert_eq!(row(&batch).target_id.as_deref(), Some("ü".repeat(256).as_str()));
    assert_eq!(changes(&batch), [("target_id", "cut")]);
    let mark = &row(&batch).metadata.get(Metadata::MARKS).expect("there is a mark")["changed"][0];
    assert_eq!(mark["bytes"], 600);
    // printf 'ü%.0s' $(seq 300) | sha256sum
    assert_eq!(mark["sha256"], "969222e5c9d4ea6630efe52a32662d0793efa5e778c2e17b1e5769b621ae4e86");
}

#[test]
fn numbers_that_no_double_holds_are_kept_as_text() {
    let batch = frozen(with(&json!([9_007_199_254_740_993_i64, u64::MAX, i64::MIN, 42, 1.5, 1.0])));
    let kept = json!(["9007199254740993", "18446744073709551615", "-9223372036854775808", 42, 1.5, 1]);
    assert_eq!(row(&batch).metadata.get("v"), Some(&kept));
    assert_eq!(changes(&batch), [("metadata.v", "number_as_text"); 3]);
}

#[test]
fn what_is_nested_too_deep_is_kept_as_text() {
    let as_it_is = frozen(with(&nested(30)));
    assert_eq!(row(&as_it_is).metadata.get("v"), Some(&nested(30)));
    assert_eq!(changes(&as_it_is), []);

    let batch = frozen(with(&nested(40)));
    assert_eq!(changes(&batch), [("metadata.v", "too_deep")]);
    assert!(batch.rows()[0].metadata().contains(r#"[\"core\"]"#));

    let bottomless = Metadata::from(Map::from_iter([("v".to_owned(), nested(20_000))]));
    let batch = frozen(builder().metadata_all(bottomless));
    assert_eq!(changes(&batch), [("metadata.v", "too_deep")]);
}

#[test]
fn large_metadata_loses_its_largest_values_first_and_keeps_their_fingerprints() {
    let batch = frozen(with(&json!("x".repeat(70_000))).metadata("reason", "unpaid"));
    assert_eq!(row(&batch).metadata.get("reason"), Some(&json!("unpaid")));
    assert_eq!(row(&batch).metadata.get("v"), Some(&Value::Null));
    assert_eq!(changes(&batch), [("metadata.v", "too_large")]);

    let many: Map<String, Value> = (0..20_000).map(|n| (format!("key_{n}"), json!(n))).collect();
    let batch = frozen(builder().metadata_all(many.into()));
    assert!(batch.rows()[0].metadata().len() < 16_384);
    assert!(changes(&batch).contains(&("metadata", "too_large")));
}

#[test]
fn callers_cannot_write_the_librarys_marks() {
    let batch = frozen(builder().metadata(Metadata::MARKS, &json!({ "changed": [] })));
    assert_eq!(row(&batch).metadata.get("_audit_"), Some(&json!({ "changed": [] })));
    assert!(changes(&batch).contains(&("metadata._audit", "reserved_key")));
    assert_eq!(changes(&frozen(with(&json!({ "reason": { "_audit": 1 } })))), [], "deeper, the key is free");
}

#[test]
fn a_time_outside_the_window_is_moved_to_its_end_and_kept_in_a_mark() {
    let far = SystemTime::now() + Duration::from_hours(400 * 24);
    let batch = frozen(builder().created_at(far));
    let ahead = row(&batch).created_at - batch.header().writer_time;
    assert_eq!(ahead.num_days(), 13);
    assert_eq!(changes(&batch), [("created_at", "clamped")]);
}

#[test]
fn an_ipv4_address_mapped_into_ipv6_is_unmapped() {
    let mapped: IpAddr = "::ffff:192.168.1.1".parse().expect("an address");
    let batch = frozen(builder().context(Context::new().with_ip_address(mapped)));
    assert_eq!(row(&batch).ip_address, Some([192, 168, 1, 1].into()));
}

#[test]
fn unreadable_json_is_kept_word_for_word() {
    for text in
        [r#"{"a":"\ud800"}"#, r#"{"a":1e200000}"#, r#"{"a":1e-400}"#, r#"{"a":1,"a":2}"#, "{", &"[".repeat(20_000)]
    {
        let batch = frozen(builder().metadata_all(Metadata::from_json(text)));
        assert_eq!(row(&batch).metadata.get("unparsed"), Some(&json!(text)));
        let marks = row(&batch).metadata.get(Metadata::MARKS).expect("there is a mark");
        assert!(marks["unparsed"].is_string());
    }
}

#[test]
fn a_float_that_is_not_finite_leaves_a_mark() {
    let batch = frozen(builder().metadata("rates", &[1.0, f64::NAN]).metadata("nothing", &None::<f64>));
    assert_eq!(row(&batch).metadata.get("rates"), Some(&json!([1, null])));
    let marks = row(&batch).metadata.get(Metadata::MARKS).expect("there is a mark");
    assert_eq!(marks["not_finite: rates"], true);
    assert_eq!(marks.get("not_finite: nothing"), None);
}

#[test]
fn frozen_again_later_a_row_is_brought_into_the_window_of_that_time() {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
    let batch = Freezer::new().freeze(vec![builder().created_at(long_ago).build()], long_ago);
    assert_eq!(SystemTime::from(row(&batch).created_at), long_ago);
    let again = batch.moved_into_window(SystemTime::now(), None);
    assert!(row(&again).created_at > chrono::Utc::now() - chrono::TimeDelta::days(400));
    assert_eq!(changes(&again), [("created_at", "clamped")]);
    assert_eq!(encoding::row_leaf(row(&again)), Some(again.rows()[0].leaf));
}

#[test]
fn a_batch_moves_to_the_same_bytes_in_a_stream_of_its_own_however_often() {
    let batch = frozen(with(&json!({ "a": [1, 2.5e30, "ü"] })));
    let (once, twice) = (batch.moved(None), batch.moved(None));
    assert_eq!(once.header(), twice.header());
    assert_ne!(once.header().stream_id, batch.header().stream_id);
    assert_eq!((once.header().batch_no, once.header().first_seq, once.header().prev_hash), (0, 0, [0; 32]));
    assert_eq!((row(&once).id, row(&once).salt), (row(&batch).id, row(&batch).salt));
    assert_eq!(encoding::row_leaf(row(&once)), Some(once.rows()[0].leaf));
    assert_ne!(frozen(builder()).moved(None).header().stream_id, once.header().stream_id);
}

#[test]
fn each_row_has_a_salt_of_its_own() {
    let batch = Freezer::new().freeze(vec![builder().build(), builder().build()], SystemTime::now());
    assert_ne!(batch.rows()[0].row.salt, batch.rows()[1].row.salt);
}

#[test]
fn the_leaf_covers_every_column() {
    let context = Context::new()
        .with_ip_address([10, 0, 0, 1])
        .with_user_agent("ua")
        .with_request_id("r")
        .with_tenant_id("t")
        .with_on_behalf_of("o")
        .with_trace_id("tr")
        .with_span_id("sp")
        .with_origin("import");
    let duration = Duration::from_micros(5);
    let entry = builder().metadata("k", "v").failure("e").duration(duration).attempt_id(Uuid::nil()).context(context);
    let batch = frozen(entry);
    let original = &batch.rows()[0];
    assert_eq!(encoding::row_leaf(&original.row), Some(original.leaf));

    let other = || Some("other".to_owned());
    let edits: Vec<(&str, Edit)> = vec![
        ("id", Box::new(|row| row.id = Uuid::max())),
        ("actor_id", Box::new(move |row| row.actor_id = other())),
        ("actor_id to NULL", Box::new(|row| row.actor_id = None)),
        ("actor_type", Box::new(|row| row.actor_type = ActorType::ApiKey)),
        ("action", Box::new(|row| row.action.push('x'))),
        ("target_type", Box::new(|row| row.target_type.push('x'))),
        ("target_id", Box::new(move |row| row.target_id = other())),
        ("metadata value", Box::new(|row| row.metadata.insert("k", "w"))),
        ("metadata key", Box::new(|row| row.metadata.insert("l", "v"))),
        ("ip_address", Box::new(|row| row.ip_address = Some([10, 0, 0, 2].into()))),
        ("user_agent to empty", Box::new(|row| row.user_agent = Some(String::new()))),
        ("created_at", Box::new(|row| row.created_at += Duration::from_micros(1))),
        ("outcome", Box::new(|row| row.outcome = Outcome::Success)),
        ("error", Box::new(|row| row.error = None)),
        ("duration_us", Box::new(|row| row.duration_us = Some(6))),
        ("attempt_id", Box::new(|row| row.attempt_id = None)),
        ("request_id", Box::new(move |row| row.request_id = other())),
        ("trace_id", Box::new(move |row| row.trace_id = other())),
        ("span_id", Box::new(move |row| row.span_id = other())),
        ("tenant_id", Box::new(move |row| row.tenant_id = other())),
        ("on_behalf_of", Box::new(move |row| row.on_behalf_of = other())),
        ("origin", Box::new(move |row| row.origin = other())),
        ("stream_id", Box::new(|row| row.stream_id = Uuid::nil())),
        ("seq", Box::new(|row| row.seq += 1)),
        ("salt", Box::new(|row| row.salt = Some([0; 16]))),
    ];
    for (column, edit) in edits {
        let mut edited = original.row.clone();
        edit(&mut edited);
        assert_ne!(encoding::row_leaf(&edited), Some(original.leaf), "{column} is not covered");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a\0\u{FFFD}\u{10FFFF}\u{E000}_]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(40, 200, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ab\0\u{FFFD}\u{10FFFF}\u{E000}_]{0,3}", Just("_audit".to_owned())]
}

proptest! {
    #[test]
    fn what_is_read_back_hashes_to_what_was_frozen(
        details in prop::collection::vec((key(), json_value()), 0..8),
        ids in prop::collection::vec(any::<String>(), 4),
    ) {
        let details: Map<String, Value> = details.into_iter().collect();
        let context = Context::new().with_user_agent(&*ids[0]).with_tenant_id(&*ids[1]);
        let entry = builder().actor(Actor::user(&*ids[2])).failure(&*ids[3]).metadata_all(details.into()).context(context);
        let batch = frozen(entry);
        let stored = &batch.rows()[0];

        // A store keeps the text, and a reader parses it.
        let parsed: Map<String, Value> = serde_json::from_str(stored.metadata()).expect("what is stored is JSON");
        let mut read = stored.row.clone();
        read.metadata = parsed.into();
        prop_assert_eq!(encoding::row_leaf(&read), Some(stored.leaf));
        prop_assert!(!stored.metadata().contains("\\u0000"));
        prop_assert!(stored.metadata().len() < 128 * 1024);
    }
}

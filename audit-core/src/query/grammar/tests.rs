use proptest::prelude::*;

use super::*;
use crate::query::filter::{Pattern, Period, TextColumn};
use crate::{ActorType, Outcome};

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn parse(text: &str) -> Result<Filter, ParseError> {
    Filter::parse(text, now())
}

fn canonical(text: &str) -> String {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

#[test]
fn every_kind_of_word_is_understood() {
    for text in [
        "actor:user_123",
        "action:project.*",
        "-action:project.updated",
        "target:project/proj_456",
        "target:project/*",
        "outcome:failure",
        "ip:10.0.0.0/8",
        "ip:10.0.0.1",
        "ip:2001:db8::/32",
        "created:>=2026-11-01",
        "created:2026-11-01..2026-11-30",
        "created:2026-11-01",
        "created:<2026-11-01T09:00:00.000001Z",
        "request:req_9",
        "tenant:acme",
        "-tenant:*",
        "tenant:\"\"",
        "metadata.changes.name:MyProject",
        "metadata.\"a.b\".c:x",
        "free",
        "\"free text\"",
        "\"-x\"",
        "\"http://x\"",
        "actor_type:api_key",
        "target_type:project",
        "on_behalf_of:root",
        "user_agent:Mozilla*",
        "id:01890a5d-ac96-774b-bcce-b302099a8057",
        "attempt:01890a5d-ac96-774b-bcce-b302099a8057",
        "actor:\"Zoë Müller\"",
        "actor:\"a/b\"",
        "actor:user/\"a/b\"",
        "actor:\"*\"",
        "actor:\"a\\u{a}b\"",
    ] {
        assert_eq!(canonical(text), text);
    }
    let all = "actor:user_123 action:project.* -action:project.updated \"free text\"";
    assert_eq!(canonical(all), all);
    assert_eq!(parse(" \t ").unwrap(), Filter::new());
}

#[test]
fn one_thing_said_in_several_ways_is_one_filter() {
    for (said, canonically) in [
        ("actor:user:user_123", "actor:user/user_123"),
        ("  a   b\n", "a b"),
        ("actor:\"user_123\"", "actor:user_123"),
        ("actor:us\"er_1\"23", "actor:user_123"),
        (r"actor:a\*", r#"actor:"a*""#),
        (r"actor:a\/b", r#"actor:"a/b""#),
        (r"a\ b", "\"a b\""),
        (r"\-a", "\"-a\""),
        (r#""a\"b\\c\u{7f}""#, r#""a\"b\\c\u{7f}""#),
        ("ip:10.1.2.3/8", "ip:10.0.0.0/8"),
        ("ip:::ffff:10.1.2.3", "ip:10.1.2.3"),
        ("ip:::ffff:10.1.2.3/104", "ip:10.0.0.0/8"),
        ("created:>2026-11-01", "created:>=2026-11-02"),
        ("created:<=2026-11-01", "created:<2026-11-02"),
        ("created:2026-11", "created:2026-11-01..2026-11-30"),
        ("created:2026-07..2026-09", "created:2026-07-01..2026-09-30"),
        ("created:2026-11-01..", "created:>=2026-11-01"),
        ("created:..2026-11-01", "created:<2026-11-02"),
        ("created:>=24h", "created:>=2026-11-22T12:00:00Z"),
        ("created:2d..1d", "created:2026-11-21T12:00:00Z..2026-11-22T12:00:00Z"),
        ("created:>2026-11-01T00:00:00Z", "created:>=2026-11-01T00:00:00.000001Z"),
        ("created:2026-11-01T02:00:00+02:00", "created:2026-11-01T00:00:00Z"),
        ("actor:a\0b", "actor:\"a\u{fffd}b\""),
    ] {
        assert_eq!(canonical(said), canonically, "{said}");
        assert_eq!(canonical(canonically), canonically, "{said}");
    }
}

#[test]
fn errors_point_at_the_word_and_say_what_was_meant() {
    for (text, at, message, hint) in [
        ("a actr:x", "actr", "`actr` is no field", "did you mean `actor`?"),
        ("actor_id:x", "actor_id", "`actor_id` is no field", "did you mean `actor`?"),
        ("Outcome:failure", "Outcome", "`Outcome` is no field", "did you mean `outcome`?"),
        ("meta.a:x", "meta.a", "`meta.a` is no field", "metadata"),
        ("http://x", "http", "`http` is no field", "text with a colon stands in quotes"),
        ("since:24h", "since", "`since` is no field", "created:>="),
        (":x", "", "a field is missing before the `:`", "in quotes"),
        ("-outcome:failed", "failed", "`failed` is not an outcome", "did you mean `failure`?"),
        ("outcome:x", "x", "`x` is not an outcome", "write success, failure"),
        ("actor:usr/x", "usr", "`usr` is not a type of actor", "in quotes"),
        ("actor_type:key", "key", "`key` is not a type of actor", "write user, system, api_key"),
        ("actor:", "", "a value after `actor:` is missing", ""),
        ("action:*.created", "*", "a `*` stands only at the end", "\"*\""),
        ("proj*", "*", "a `*` stands at the end of a field's value", "leave the `*` out"),
        ("created:yesterday", "yesterday", "`yesterday` is no time", "write a day"),
        ("created:24h", "24h", "this is a moment", "created:>=24h"),
        ("created:2026-11-02..2026-11-01", "2026-11-02..2026-11-01", "the range ends before it begins", "first"),
        ("created:0000-01-01", "0000-01-01", "the log knows the years 1 to 9999", ""),
        ("ip:10.0.0", "10.0.0", "`10.0.0` is neither an address nor a network", "ip:10.0.0.0/8"),
        ("id:7", "7", "`7` is no id of an entry", "UUID"),
        ("metadata:x", "metadata", "`metadata` alone is no field", "metadata.changes.name:"),
        ("metadata.a..b:x", "", "a key of the metadata is missing", "in quotes"),
        ("ab \"cd ef", "\"cd ef", "the quote is not closed", "end it"),
        (r"CORP\tom", r"\t", "a `\\` escapes no letter", r"\\"),
        (r"\u{110000}", r"\u{110000}", "a `\\` escapes no letter", r"\u{1f}"),
        ("a - b", "-", "nothing follows the `-`", "-outcome:success"),
        ("\"\"", "\"\"", "there is nothing to look for", ""),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(&text[error.span()], at, "{text}: {error}");
        assert!(error.message().starts_with(message), "{text}: {error}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{text}: {error}");
    }
}

#[test]
fn length_and_number_of_words_are_bounded() {
    let words = "a ".repeat(Filter::MAX_TERMS);
    assert_eq!(parse(&words).unwrap().terms().len(), Filter::MAX_TERMS);
    assert_eq!(parse(&(words + "ü")).unwrap_err().span(), 64..66);
    assert!(parse(&"a".repeat(Filter::MAX_TEXT_BYTES)).is_ok());
    let long = parse(&"ü".repeat(Filter::MAX_TEXT_BYTES)).unwrap_err();
    assert_eq!(long.span(), Filter::MAX_TEXT_BYTES..2 * Filter::MAX_TEXT_BYTES);
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ -~]{0,12}", "[a-z.*/:\"\\\\-]{1,12}"]
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![any_text().prop_map(Pattern::Exact), any_text().prop_map(Pattern::Prefix)]
}

fn any_period() -> impl Strategy<Value = Period> {
    let day = 86_400_000_000;
    let micros =
        || prop_oneof![Period::FIRST..Period::LAST - 1_000_000, (-700_000..2_900_000_i64).prop_map(move |n| n * day)];
    prop_oneof![
        micros().prop_map(Period::Since),
        micros().prop_map(Period::Until),
        (micros(), prop_oneof![Just(1), Just(day), 1..day * 400])
            .prop_map(|(since, length)| { Period::Between(since, (since + length).min(Period::LAST - 1_000_000)) }),
    ]
    .prop_filter("not empty", |period| !matches!(period, Period::Between(since, until) if since >= until))
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let column = (0..TextColumn::ALL.len()).prop_map(|index| TextColumn::ALL[index]);
    let actor = (0..ActorType::ALL.len()).prop_map(|index| ActorType::ALL[index]);
    let network = (any::<std::net::IpAddr>(), 0..=128_u8).prop_map(|(address, bits)| {
        let address = address.to_canonical();
        let most = if address.is_ipv4() { 32 } else { 128 };
        ipnet::IpNet::new(address, bits.min(most)).unwrap().trunc()
    });
    prop_oneof![
        any::<u128>().prop_map(|id| Condition::Id(uuid::Uuid::from_u128(id))),
        any::<u128>().prop_map(|id| Condition::Attempt(uuid::Uuid::from_u128(id))),
        (column, any_pattern()).prop_map(|(column, pattern)| Condition::text(column, pattern)),
        (actor.clone(), any_pattern()).prop_map(|(kind, id)| Condition::actor(kind, id)),
        actor.prop_map(Condition::ActorType),
        (any_text().prop_filter("a type", |text| !text.is_empty()), any_pattern())
            .prop_map(|(kind, id)| Condition::target(kind, id)),
        (0..Outcome::ALL.len()).prop_map(|index| Condition::Outcome(Outcome::ALL[index])),
        network.prop_map(Condition::Ip),
        any_period().prop_map(Condition::Created),
        (proptest::collection::vec(any_text(), 1..4), any_pattern())
            .prop_map(|(keys, pattern)| Condition::metadata(keys, pattern)),
        any_text().prop_filter("a text", |text| !text.is_empty()).prop_map(Condition::anywhere),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_printed_reads_back_as_the_same(terms in proptest::collection::vec((any::<bool>(), any_condition()), 0..4)) {
        let filter: Filter = terms.into_iter().map(|(negated, condition)| Term { negated, condition }).collect();
        let text = filter.to_string();
        prop_assume!(text.len() <= Filter::MAX_TEXT_BYTES);
        prop_assert_eq!(parse(&text), Ok(filter), "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic_and_every_error_lies_within(text in prop_oneof![
        any::<String>(),
        "([-a-z]{0,6}[:.]{0,2}[-a-z0-9>=<*/.\"\\\\ {}]{0,8} ?){0,5}",
        "(-?(actor|target|created|ip|metadata\\.a|id|outcome):[ -~ü]{0,10} ?){0,4}",
    ]) {
        match parse(&text) {
            Ok(filter) => prop_assert_eq!(parse(&filter.to_string()), Ok(filter)),
            Err(error) => prop_assert!(text.get(error.span()).is_some(), "{:?}", error),
        }
    }
}

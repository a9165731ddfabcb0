//! What a reader gives back, the same from both stores.

use std::time::{Duration, Instant, SystemTime};

use audit_core::batch::{Freezer, FrozenRow};
use audit_core::encoding::row_leaf;
use audit_core::query::{self, Basis, By, Count, Cursor, Filter, Order, Query, Reader};
use audit_core::store::{ErrorClass, Schema};
use audit_core::{ActionName, Actor, ActorType, Context, Entry, EntryBuilder, Metadata, Outcome, Row, Target};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tests::postgres::server;

use crate::log::{Log, Place, for_both_stores};

impl Log {
    /// Lands entries and gives back their rows, newest first.
    async fn hold(&self, entries: Vec<Entry>) -> Vec<Row> {
        let batch = Freezer::new().freeze(entries, SystemTime::now());
        self.land(&batch).await;
        newest_first(batch.rows().iter().map(stored).collect())
    }
}

for_both_stores! {
    every_combination_of_conditions_finds_what_a_plain_search_finds
    one_liners_ask_what_they_are_named_after
    pages_neither_skip_nor_repeat_while_rows_arrive
    a_page_holds_what_the_limit_says
    time_bounds_include_the_first_and_exclude_the_last_microsecond
    a_count_is_exact_and_leaves_limit_and_cursor_aside
    pages_turn_both_ways_in_both_orders_while_rows_arrive
    an_empty_page_leads_back
    a_search_that_runs_out_of_time_says_how_far_it_came_and_goes_on_from_there
    what_is_read_is_what_was_frozen
    an_id_that_was_cut_is_found_by_what_it_was
    all_rows_come_one_after_the_other_also_from_a_cursor_on
    a_tally_tells_how_many_there_are_of_each_kind
    an_overview_counts_more_rows_than_it_reads
    a_row_is_found_by_its_id_wherever_it_lies
    a_reader_is_still_good_after_its_question_was_dropped
}

fn builder(action: &str) -> EntryBuilder {
    Entry::builder(ActionName::unlisted(action).unwrap()).target(Target::project("proj_456"))
}

/// The time in whole microseconds.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(Utc::now().timestamp_micros().unsigned_abs())
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

/// A frozen row as it is read back.
fn stored(frozen: &FrozenRow) -> Row {
    let mut row = frozen.row.clone();
    // A number such as 1e18 is written without its exponent, and then read as an integer.
    row.metadata = serde_json::from_str(frozen.metadata()).unwrap();
    row
}

fn newest_first(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
    rows
}

/// Rows without what the database adds.
fn as_frozen(rows: Vec<Row>) -> Vec<Row> {
    let unrecorded = |mut row: Row| {
        assert!(row.recorded_at.take().is_some(), "the database says when it took a row");
        row
    };
    rows.into_iter().map(unrecorded).collect()
}

async fn every_page(reader: &Reader, mut query: Query) -> Vec<Row> {
    let mut rows = Vec::new();
    loop {
        let page = reader.page(&query).await.unwrap();
        rows.extend(page.rows);
        let Some(next) = page.next else { return rows };
        query = query.after(next.to_string().parse().unwrap());
    }
}

async fn every_combination_of_conditions_finds_what_a_plain_search_finds(log: Log) {
    type Condition = (fn(Query) -> Query, fn(&Row) -> bool);
    const CONDITIONS: [Condition; 8] = [
        (|query| query.actor("user_1"), |row| row.actor_id.as_deref() == Some("user_1")),
        (|query| query.actor_type(ActorType::ApiKey), |row| row.actor_type == ActorType::ApiKey),
        (|query| query.action("door.opened"), |row| row.action == "door.opened"),
        (|query| query.target_type("user"), |row| row.target_type == "user"),
        (|query| query.target_id("thing_1"), |row| row.target_id.as_deref() == Some("thing_1")),
        (|query| query.outcome(Outcome::Denied), |row| row.outcome == Outcome::Denied),
        (|query| query.request_id("req_1"), |row| row.request_id.as_deref() == Some("req_1")),
        (|query| query.tenant("acme"), |row| row.tenant_id.as_deref() == Some("acme")),
    ];
    // Every condition holds of half the entries, independently; they lie in many partitions.
    let start = now();
    let entries = (0..512_u32).map(|i| {
        let has = |bit: u32| i & (1 << bit) != 0;
        let actor = if has(0) { "user_1" } else { "user_2" };
        let context = Context::new()
            .with_request_id(if has(6) { "req_1" } else { "req_2" })
            .with_tenant_id(if has(7) { "acme" } else { "other" });
        Entry::builder(ActionName::unlisted(if has(2) { "door.opened" } else { "door.closed" }).unwrap())
            .actor(if has(1) { Actor::api_key(actor) } else { Actor::user(actor) })
            .target(if has(3) { Target::user(thing(has(4))) } else { Target::project(thing(has(4))) })
            .outcome(if has(5) { Outcome::Denied } else { Outcome::Success })
            .context(context)
            .created_at(start - days(u64::from(i) / 4))
            .build()
    });
    let rows = log.hold(entries.collect()).await;
    let reader = log.reader().await;

    for combination in 0..1_u32 << CONDITIONS.len() {
        let chosen: Vec<_> =
            CONDITIONS.iter().enumerate().filter(|(bit, _)| combination & (1 << bit) != 0).map(|(_, c)| c).collect();
        let query = chosen.iter().fold(Query::new().limit(1_000), |query, (ask, _)| ask(query));
        let expected: Vec<_> = rows.iter().filter(|row| chosen.iter().all(|(_, holds)| holds(row))).cloned().collect();
        assert!(!expected.is_empty());
        assert_eq!(as_frozen(reader.page(&query).await.unwrap().rows), expected, "{query:?}");
    }
}

const fn thing(first: bool) -> &'static str {
    if first { "thing_1" } else { "thing_2" }
}

async fn one_liners_ask_what_they_are_named_after(log: Log) {
    let rows = log
        .hold(vec![
            builder("door.opened").actor(Actor::user("user_123")).build(),
            builder("door.closed").target(Target::project("user_123")).build(),
            builder("door.closed").target(Target::user("proj_456")).build(),
        ])
        .await;
    let reader = log.reader().await;
    let found = async |query| as_frozen(reader.page(&query).await.unwrap().rows);
    let where_ = |holds: fn(&Row) -> bool| rows.iter().filter(|row| holds(row)).cloned().collect::<Vec<_>>();
    assert_eq!(found(query::by_actor("user_123")).await, where_(|row| row.actor_id.as_deref() == Some("user_123")));
    assert_eq!(found(query::by_action("door.closed")).await, where_(|row| row.action == "door.closed"));
    let about = where_(|row| row.target_type == "user" && row.target_id.as_deref() == Some("proj_456"));
    assert_eq!(found(query::by_target(Target::user("proj_456"))).await, about);
    assert_eq!(found(query::by_actor("nobody")).await, []);
}

async fn pages_neither_skip_nor_repeat_while_rows_arrive(log: Log) {
    // Many rows of the same microsecond, so that every page ends within one; in several partitions.
    let start = now() - Duration::from_mins(1);
    let entries = (0..200).map(|i| builder("door.opened").created_at(start - days(i / 50 * 10)).build());
    let rows = log.hold(entries.collect()).await;
    let reader = log.reader().await;

    let mut read = Vec::new();
    let mut query = query::by_action("door.opened").limit(7);
    loop {
        let page = reader.page(&query).await.unwrap();
        assert!(page.rows.len() == 7 || page.next.is_none());
        read.extend(as_frozen(page.rows));
        let Some(next) = page.next else { break };
        query = query.after(next);
        log.hold(vec![builder("door.opened").build(), builder("door.opened").build()]).await;
    }
    assert_eq!(read, rows);
}

async fn a_page_holds_what_the_limit_says(log: Log) {
    let rows = log.hold((0..1_100).map(|_| builder("door.opened").build()).collect()).await;
    let reader = log.reader().await;
    for (asked, given) in [(0, 1), (1, 1), (49, 49), (1_000, 1_000), (1_001, 1_000), (u32::MAX, 1_000)] {
        let page = reader.page(&Query::new().limit(asked)).await.unwrap();
        assert_eq!(page.rows.len(), given);
        assert!(page.next.is_some());
    }
    assert_eq!(reader.page(&Query::new()).await.unwrap().rows.len(), 50);
    assert_eq!(as_frozen(every_page(&reader, Query::new().limit(1_000)).await), rows);
    let exactly = Query::new().since(rows[9].created_at).until(rows[0].created_at + TimeDelta::microseconds(1));
    let held = reader.count(&exactly).await.unwrap();
    let Count::Exact(held) = held else { panic!("{held:?}") };
    let page = reader.page(&exactly.limit(u32::try_from(held).unwrap())).await.unwrap();
    assert_eq!(page.next, None, "a full page with nothing after it is the last");
}

async fn time_bounds_include_the_first_and_exclude_the_last_microsecond(log: Log) {
    let start = now() - days(20);
    let entries = (0..10).map(|i| builder("door.opened").created_at(start + Duration::from_micros(i)).build());
    let rows = log.hold(entries.collect()).await;
    let reader = log.reader().await;
    let (third, seventh) = (rows[7].created_at, rows[3].created_at);
    let within = reader.page(&Query::new().since(third).until(seventh)).await.unwrap();
    assert_eq!(as_frozen(within.rows), rows[4..8]);
    let half = TimeDelta::nanoseconds(500);
    let between = reader.page(&Query::new().since(third - half).until(seventh - half)).await.unwrap();
    assert_eq!(as_frozen(between.rows), rows[4..8]);
    assert_eq!(reader.page(&Query::new().since(seventh).until(third)).await.unwrap().rows, []);
    let ever = Query::new().since(DateTime::<Utc>::MIN_UTC).until(DateTime::<Utc>::MAX_UTC);
    assert_eq!(as_frozen(reader.page(&ever).await.unwrap().rows), rows);
}

async fn a_count_is_exact_and_leaves_limit_and_cursor_aside(log: Log) {
    let mut rows = log.hold((0..10_000).map(|_| builder("door.opened").build()).collect()).await;
    let reader = log.reader().await;
    let page = reader.page(&Query::new()).await.unwrap();
    let deep = query::by_action("door.opened").limit(1).after(page.next.unwrap());
    assert_eq!(reader.count(&deep).await.unwrap(), Count::Exact(10_000));
    assert_eq!(reader.estimate(&deep).await.unwrap().number(), 10_000);
    assert_eq!(reader.count(&query::by_action("door.closed")).await.unwrap(), Count::Exact(0));

    rows.extend(log.hold(vec![builder("door.opened").created_at(now() - days(30)).build()]).await);
    assert_eq!(reader.count(&deep.oldest_first()).await.unwrap(), Count::Exact(10_001));
    assert_eq!(reader.count(&asked("opened -action:x")).await.unwrap(), Count::Exact(10_001));
}

fn asked(text: &str) -> Query {
    text.parse::<Filter>().unwrap().into()
}

async fn pages_turn_both_ways_in_both_orders_while_rows_arrive(log: Log) {
    let start = now() - Duration::from_mins(1);
    let entries = (0..60).map(|i| builder("door.opened").created_at(start - days(i / 15 * 10)).build());
    let newest_first = log.hold(entries.collect()).await;
    let oldest_first: Vec<_> = newest_first.iter().rev().cloned().collect();
    let reader = log.reader().await;

    for text in ["action:door.opened", "door.opened"] {
        for (query, rows) in [(asked(text), &newest_first), (asked(text).oldest_first(), &oldest_first)] {
            let query = query.limit(7);
            let mut cursor = None;
            // Somewhere in the middle, forth and back again.
            for expected in [0..7, 7..14, 14..21, 21..28] {
                let page = reader.page(&cursor.map_or(query.clone(), |next| query.clone().after(next))).await.unwrap();
                assert_eq!(page.previous.is_some(), cursor.is_some());
                assert_eq!(as_frozen(page.rows), rows[expected]);
                cursor = page.next;
                log.hold(vec![builder("door.closed").build()]).await;
            }
            let page = reader.page(&query.clone().after(cursor.unwrap())).await.unwrap();
            let mut cursor = page.previous;
            for expected in [21..28, 14..21, 7..14, 0..7] {
                let page = reader.page(&query.clone().before(cursor.unwrap())).await.unwrap();
                assert!(page.next.is_some());
                cursor = page.previous;
                assert_eq!(as_frozen(page.rows), rows[expected]);
            }
            assert_eq!(cursor, None, "nothing is before the first page");
        }
    }
}

async fn an_empty_page_leads_back(log: Log) {
    let rows = log.hold((0..3).map(|_| builder("door.opened").build()).collect()).await;
    let reader = log.reader().await;
    for query in [Query::new().limit(2), Query::new().limit(2).oldest_first()] {
        let first = reader.page(&query).await.unwrap();
        let last = reader.page(&query.clone().after(first.next.unwrap())).await.unwrap();
        assert_eq!((last.rows.len(), last.next), (1, None));
        // Beyond the end there is no row at whose place the page before could end.
        let end = Query::new().limit(1).after(first.next.unwrap());
        let end = if query.order() == Order::OldestFirst { end.oldest_first() } else { end };
        let beyond = reader.page(&end).await.unwrap();
        let beyond = query.clone().after(beyond.rows.last().map(cursor_of).unwrap());
        let empty = reader.page(&beyond).await.unwrap();
        assert_eq!((empty.rows.len(), empty.next), (0, None));
        let back = reader.page(&query.clone().before(empty.previous.unwrap())).await.unwrap();
        let expected = if query.order() == Order::OldestFirst { [&rows[1], &rows[0]] } else { [&rows[1], &rows[2]] };
        assert_eq!(as_frozen(back.rows).iter().collect::<Vec<_>>(), expected);
    }
}

/// The cursor of a row, which a page that ends there would have.
fn cursor_of(row: &Row) -> Cursor {
    let bytes = row.created_at.timestamp_micros().to_be_bytes();
    let hex: Vec<_> = bytes.iter().chain(row.id.as_bytes()).map(|byte| format!("{byte:02x}")).collect();
    format!("01{}", hex.concat()).parse().unwrap()
}

async fn a_search_that_runs_out_of_time_says_how_far_it_came_and_goes_on_from_there(log: Log) {
    // A row every quarter of an hour; the oldest two say what is looked for.
    let start = now();
    let entries = (0..40).map(|quarter| {
        let action = if quarter >= 38 { "door.found" } else { "door.opened" };
        builder(action).created_at(start - Duration::from_mins(15) * quarter).build()
    });
    let rows = log.hold(entries.collect()).await;
    let hurried = log.reader().await.with_patience(Duration::ZERO);
    for (text, meant) in [("found", &rows[38..]), ("action:door.f*", &rows[38..]), ("metadata.none:x", &[])] {
        let mut query = asked(text);
        let (mut found, mut steps) = (Vec::new(), 0);
        loop {
            let page = hurried.page(&query).await.unwrap();
            found.extend(as_frozen(page.rows));
            steps += 1;
            assert_eq!(page.searched_to.is_some(), page.next.is_some());
            if let Some(searched_to) = page.searched_to {
                let passed = meant.iter().filter(|row| row.created_at >= searched_to).count();
                assert_eq!(passed, found.len());
            }
            let Some(next) = page.next else { break };
            query = asked(text).after(next);
        }
        assert!(steps > 3, "{steps}");
        assert_eq!(found, meant);
    }
    // An index leads to these at once, however little time there is.
    let page = hurried.page(&asked("action:door.found outcome:success")).await.unwrap();
    assert_eq!((as_frozen(page.rows), page.searched_to), (rows[38..].to_vec(), None));
}

async fn all_rows_come_one_after_the_other_also_from_a_cursor_on(log: Log) {
    let entries = (0..2_100).map(|i| builder("door.opened").created_at(now() - days(i % 40)).build());
    let expected = log.hold(entries.collect()).await;
    let reader = log.reader().await;
    let query = asked("opened").limit(3);
    let mut rows = reader.rows(query.clone());
    let mut read = Vec::new();
    while read.len() < 1_500 {
        read.push(rows.next().await.unwrap().unwrap());
    }
    let mut rest = reader.rows(query.after(rows.cursor().unwrap()));
    while let Some(row) = rest.next().await.unwrap() {
        read.push(row);
    }
    assert_eq!(rest.next().await.unwrap(), None);
    assert_eq!(as_frozen(read), expected);
}

async fn a_tally_tells_how_many_there_are_of_each_kind(log: Log) {
    let (today, earlier) = (now(), now() - days(30));
    let mut entries = Vec::new();
    for (count, action, actor, at) in [
        (3, "door.opened", Actor::user("ann"), today),
        (2, "door.closed", Actor::api_key("ann"), earlier),
        (1, "key.made", Actor::user("ann"), earlier),
    ] {
        entries.extend((0..count).map(|_| builder(action).actor(actor.clone()).created_at(at).build()));
    }
    let rows = log.hold(entries).await;
    let reader = log.reader().await;
    let day = |row: &Row| row.created_at.format("%Y-%m-%d").to_string();
    // Exactly in SQL, and by looking at each row.
    for query in [Query::new().limit(1), asked("ann")] {
        let told = async |by, most| {
            let tally = reader.tally(&query, by, most).await.unwrap();
            assert_eq!(tally.counted_to, None);
            let counts: Vec<_> = tally.counts.into_iter().map(|(value, count)| (value.unwrap(), count)).collect();
            (counts, tally.others)
        };
        let of = |pairs: &[(&str, u64)]| {
            pairs.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect::<Vec<_>>()
        };
        assert_eq!(told(By::Action, 9).await, (of(&[("door.opened", 3), ("door.closed", 2), ("key.made", 1)]), 0));
        assert_eq!(told(By::Action, 1).await, (of(&[("door.opened", 3)]), 3));
        assert_eq!(told(By::Actor, 9).await, (of(&[("user:ann", 4), ("api_key:ann", 2)]), 0));
        assert_eq!(told(By::Outcome, 9).await, (of(&[("success", 6)]), 0));
        assert_eq!(told(By::TargetType, 9).await, (of(&[("project", 6)]), 0));
        assert_eq!(told(By::Day, 9).await, (of(&[(&day(&rows[5]), 3), (&day(&rows[0]), 3)]), 0));
    }
}

async fn an_overview_counts_more_rows_than_it_reads(log: Log) {
    let newest = now();
    let entry = |number: u64| {
        let (action, outcome) =
            if number.is_multiple_of(3) { ("door.opened", Outcome::Denied) } else { ("key.made", Outcome::Success) };
        builder(action).actor(Actor::user("ann")).outcome(outcome).created_at(newest - days(number % 40)).build()
    };
    let rows = log.hold((0..1_500).map(entry).collect()).await;
    let reader = log.reader().await;
    let all = Query::new().limit(1);
    let overview = reader.overview(&all, 50, 1).await.unwrap();
    assert_eq!((overview.basis, overview.total), (Basis::All, Count::Exact(1_500)));
    assert!(overview.bars.len() <= 50 && overview.bars.windows(2).all(|pair| pair[0].until == pair[1].since));
    for bar in &overview.bars {
        let within = rows.iter().filter(|row| bar.since <= row.created_at && row.created_at < bar.until);
        let undone = within.clone().filter(|row| row.outcome == Outcome::Denied).count() as u64;
        assert_eq!((bar.rows, bar.undone), (within.count() as u64, undone), "{bar:?}");
    }
    let tally = |by| overview.tallies.iter().find(|(other, _)| *other == by).map(|(_, tally)| tally.clone()).unwrap();
    assert_eq!((tally(By::Action).counts, tally(By::Action).others), (vec![(Some("key.made".to_owned()), 1_000)], 500));
    assert_eq!(tally(By::Actor).counts, [(Some("user:ann".to_owned()), 1_500)]);
    // Of what has to be looked at row by row, and of what there is no time for, the newest are counted.
    let text = reader.overview(&asked("ann"), 50, 1).await.unwrap();
    let hasty = reader.with_patience(Duration::ZERO).overview(&all, 50, 1).await.unwrap();
    for overview in [text, hasty] {
        assert_eq!((overview.basis, overview.total), (Basis::Newest(1_000), Count::AtLeast(1_000)));
        assert_eq!(overview.bars.iter().map(|bar| bar.rows).sum::<u64>(), 1_000);
    }
}

async fn a_row_is_found_by_its_id_wherever_it_lies(log: Log) {
    // Freezing brings the last into the window, so that its id no longer tells its time.
    let ages = [0, 30, 300, 3_000].map(|age| builder("door.opened").created_at(now() - days(age)).build());
    let rows = log.hold(ages.into()).await;
    let reader = log.reader().await;
    for row in rows {
        let found = reader.find(row.id).await.unwrap().unwrap();
        assert_eq!(as_frozen(vec![found]), [row]);
    }
    assert_eq!(reader.find(uuid::Uuid::nil()).await.unwrap(), None);
    assert_eq!(reader.find(uuid::Uuid::now_v7()).await.unwrap(), None);
}

async fn an_id_that_was_cut_is_found_by_what_it_was(log: Log) {
    let id = "\0é".repeat(400);
    let kind = "kind".repeat(100);
    log.hold(vec![builder("door.opened").actor(Actor::user(&*id)).target(Target::new(kind.clone(), &*id)).build()])
        .await;
    let query = Query::new().actor(&*id).target_id(&*id).target_type(kind);
    assert_eq!(log.reader().await.page(&query).await.unwrap().rows.len(), 1);
}

async fn what_is_read_is_what_was_frozen(log: Log) {
    let mut runner = TestRunner::default();
    let entries = proptest::collection::vec(any_entry(), 300).new_tree(&mut runner).unwrap().current();
    let batch = Freezer::new().freeze(entries, SystemTime::now());
    log.land(&batch).await;
    let mut read = as_frozen(every_page(&log.reader().await, Query::new()).await);
    read.sort_by_key(|row| row.seq);
    assert_eq!(read.len(), batch.rows().len());
    for (read, frozen) in read.iter().zip(batch.rows()) {
        assert_eq!(*read, stored(frozen));
        assert_eq!(row_leaf(read), Some(frozen.leaf), "{read:?}");
    }
}

/// Entries with whatever a caller may put into them.
fn any_entry() -> impl Strategy<Value = Entry> {
    let text = || any::<Option<String>>();
    let context = (text(), text(), text(), text(), text(), any::<Option<std::net::IpAddr>>());
    let context = context.prop_map(|(user_agent, request, tenant, behalf, trace, address)| {
        let mut context = Context::new();
        for (value, with) in [
            (user_agent, Context::with_user_agent as fn(Context, String) -> Context),
            (request, Context::with_request_id),
            (tenant, Context::with_tenant_id),
            (behalf, Context::with_on_behalf_of),
            (trace, Context::with_trace_id),
        ] {
            context = value.into_iter().fold(context, with);
        }
        address.into_iter().fold(context, Context::with_ip_address)
    });
    let metadata = proptest::collection::btree_map(any::<String>(), any_json(), 0..5);
    let fields =
        (context, metadata, any::<String>(), text(), any::<Option<u64>>(), 0..Outcome::ALL.len(), 0..3_000_000_u64);
    fields.prop_map(|(context, metadata, actor, error, duration, outcome, age)| {
        let mut entry = builder("door.opened")
            .actor(Actor::user(actor))
            .context(context)
            .metadata_all(Metadata::from(metadata.into_iter().collect::<serde_json::Map<_, _>>()))
            .created_at(now() - Duration::from_secs(age));
        if let Some(error) = error {
            entry = entry.failure(error);
        }
        if let Some(duration) = duration {
            entry = entry.duration(Duration::from_nanos(duration));
        }
        entry.outcome(Outcome::ALL[outcome]).build()
    })
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map_into(),
        any::<i64>().prop_map_into(),
        any::<u64>().prop_map_into(),
        any::<f64>().prop_map_into(),
        any::<String>().prop_map_into(),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map_into(),
            proptest::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

async fn a_reader_is_still_good_after_its_question_was_dropped(log: Log) {
    let rows = log.hold((0..50).map(|_| builder("door.opened").build()).collect()).await;
    let reader = log.reader().await;
    for polls in 0..40 {
        let query = Query::new();
        let mut question = std::pin::pin!(reader.page(&query));
        for _ in 0..polls {
            if tokio::time::timeout(Duration::ZERO, question.as_mut()).await.is_ok() {
                break;
            }
        }
    }
    assert_eq!(as_frozen(reader.page(&Query::new()).await.unwrap().rows), rows);
}

#[tokio::test]
async fn the_readers_role_suffices_and_nothing_it_asks_changes_anything() {
    let database = server().database().await;
    let log = Log::migrated(database.url(), Place::Postgres(server().database().await)).await;
    let rows = log.hold(vec![builder("door.opened").build()]).await;
    let url = database.url_as("audit_reader").await;
    let reader = Reader::connect(&url, &Schema::default()).await.unwrap();
    assert_eq!(as_frozen(reader.page(&Query::new()).await.unwrap().rows), rows);
    assert_eq!(reader.count(&Query::new()).await.unwrap(), Count::Exact(1));
}

#[tokio::test]
async fn a_partition_that_nobody_may_read_now_costs_a_page_no_more_than_its_own_rows() {
    let database = server().database().await;
    let log = Log::migrated(database.url(), Place::Postgres(server().database().await)).await;
    let start = now();
    let entries = [0, 0, 0, 70, 70].map(|age| builder("door.opened").created_at(start - days(age)).build());
    let rows = log.hold(entries.into()).await;
    let reader = log.reader().await;
    let partition = "SELECT tableoid::regclass::text FROM control_plane.audit_logs ORDER BY created_at LIMIT 1";
    let partition: String = database.value(partition).await;
    // Where partitions begin is known from an earlier page.
    reader.page(&Query::new()).await.unwrap();
    let mut holder = database.connect().await;
    let hold = format!("BEGIN; LOCK TABLE {partition} IN ACCESS EXCLUSIVE MODE");
    sqlx::raw_sql(sqlx::AssertSqlSafe(hold)).execute(&mut holder).await.unwrap();

    let page = reader.page(&Query::new().limit(4)).await.unwrap();
    assert_eq!(as_frozen(page.rows), rows[..3]);
    assert!(page.searched_to.is_some_and(|time| time > rows[3].created_at && time <= rows[2].created_at));
    assert_eq!(reader.count(&Query::new()).await.unwrap(), Count::AtLeast(3));
    let tally = reader.tally(&Query::new(), By::Action, 9).await.unwrap();
    assert_eq!((tally.counts[0].1, tally.counted_to.is_some()), (3, true));
    let old = Query::new().until(rows[2].created_at - TimeDelta::days(60));
    let error = reader.page(&old).await.unwrap_err();
    assert!(error.to_string().contains("narrow the question"), "{error}");

    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    let rest = reader.page(&Query::new().after(page.next.unwrap())).await.unwrap();
    assert_eq!(as_frozen(rest.rows), rows[3..]);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_given_up_and_holds_no_writer_up() {
    let database = server().database().await;
    let log = Log::migrated(database.url(), Place::Postgres(server().database().await)).await;
    log.hold(vec![builder("door.opened").build()]).await;
    let slow = "CREATE FUNCTION control_plane.slow() RETURNS boolean LANGUAGE sql AS $$ SELECT pg_sleep(60)::text IS NOT NULL $$;
                ALTER TABLE control_plane.audit_logs ENABLE ROW LEVEL SECURITY;
                CREATE POLICY slow ON control_plane.audit_logs USING (control_plane.slow())";
    database.execute(slow).await;
    let reader = Reader::connect(&database.url_as("audit_reader").await, &Schema::default()).await.unwrap();
    let began = Instant::now();
    let write = async {
        for _ in 0..20 {
            log.hold(vec![builder("door.closed").build()]).await;
        }
        began.elapsed()
    };
    let query = Query::new();
    let (answer, written) = tokio::join!(reader.page(&query), write);
    assert!(answer.unwrap_err().to_string().contains("narrow the question"));
    let given_up = began.elapsed();
    assert!(given_up < Duration::from_secs(10) && written < given_up, "{given_up:?} {written:?}");
}

#[tokio::test]
async fn a_reader_outlives_its_servers_processes() {
    let database = server().database().await;
    let log = Log::migrated(database.url(), Place::Postgres(server().database().await)).await;
    let rows = log.hold(vec![builder("door.opened").build()]).await;
    let reader = log.reader().await;
    reader.page(&Query::new()).await.unwrap();
    let ended: i64 = database
        .value(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'audit-reader'",
        )
        .await;
    assert_eq!(ended, 1);
    assert_eq!(as_frozen(reader.page(&Query::new()).await.unwrap().rows), rows);
}

/// What a session keeps prepared is of no use when the log was migrated in the meantime.
#[tokio::test]
async fn a_reader_outlives_a_migration() {
    let database = server().database().await;
    let log = Log::migrated(database.url(), Place::Postgres(server().database().await)).await;
    let entries = [0, 70].map(|age| builder("door.opened").created_at(now() - days(age)).build());
    let rows = log.hold(entries.into()).await;
    let reader = log.reader().await;
    reader.page(&Query::new()).await.unwrap();
    database.execute("ALTER TABLE control_plane.audit_logs ALTER COLUMN error TYPE text COLLATE \"POSIX\"").await;
    assert_eq!(as_frozen(reader.page(&Query::new()).await.unwrap().rows), rows);
}

#[tokio::test]
async fn a_url_without_a_log_is_an_error_that_says_what_to_do() {
    for url in ["mysql://user:secret@localhost/app", "postgres://user:secret@local host/", "sqlite:/nowhere/audit.db"] {
        let error = Reader::connect(url, &Schema::default()).await.unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
    let database = server().database().await;
    let reader = Reader::connect(&database.url(), &Schema::default()).await.unwrap();
    let error = reader.page(&Query::new()).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Operator, "{error}");
}

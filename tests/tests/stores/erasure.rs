//! Erasing personal values: what goes, what stays provable, and what is refused.

use std::time::{Duration, SystemTime};

use audit_core::batch::{Batch, Freezer};
use audit_core::erasure::{Erased, Erasure, ErasureError, Field};
use audit_core::holds::{Hold, HoldError, Holds};
use audit_core::query::{self, Query};
use audit_core::store::Schema;
use audit_core::verify::{Break, Report, verify};
use audit_core::{ActionName, Actor, Auditor, Context, Entry, Migrate, Row, Target, WriterGuard};
use sha2::{Digest as _, Sha256};
use tests::postgres::execute_at;

use crate::log::{Log, for_both_stores};

for_both_stores! {
    values_go_and_the_log_stays_provable_and_tells_of_it
    a_row_can_lose_one_field_after_another
    a_row_of_a_clock_that_was_ahead_can_be_erased
    a_row_that_waited_is_not_taken_for_one_dated_back_once_its_marks_are_erased
    what_was_erased_without_a_word_is_found
    an_erased_value_cannot_be_put_back_nor_replaced
    what_stands_for_erased_values_cannot_be_spelt_otherwise
    a_salt_cannot_go_without_a_value
    nothing_else_can_be_changed_under_the_pretext_of_erasing
    what_is_under_hold_is_not_erased
    holds_are_recorded_and_released_once
    a_row_that_was_changed_is_left_as_evidence
    the_file_forgets
}

const SECRET: &str = "somebody@example.org";

fn entry(actor: &str) -> Entry {
    let context =
        Context::new().with_actor(Actor::user(actor)).with_ip_address([192, 168, 1, 1]).with_user_agent("Mozilla/5.0");
    Entry::builder(ActionName::unlisted("user.invited").unwrap())
        .target(Target::project("proj_1"))
        .metadata("email", SECRET)
        .metadata("role", "admin")
        .metadata("count", &3)
        .context(context)
        .build()
}

async fn with_entries(log: &Log) -> Batch {
    let batch = Freezer::new().freeze(vec![entry("user_1"), entry("user_1"), entry("user_2")], SystemTime::now());
    log.land(&batch).await;
    batch
}

async fn writer(log: &Log) -> WriterGuard {
    let builder = Auditor::builder().url(&log.url).migrate(Migrate::Skip).linger(Duration::ZERO);
    builder.start().await.unwrap()
}

fn fields(names: &[&str]) -> Vec<Field> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

async fn erase(log: &Log, names: &[&str], query: &Query) -> Result<Erased, ErasureError> {
    let writer = writer(log).await;
    let schema = Schema::default();
    let erasure = Erasure::new(&log.url, &schema, fields(names), "request 117").by(Actor::user("counsel"));
    let erased = erasure.rows_of(query, writer.auditor(), |_| ()).await;
    writer.shutdown(Duration::from_secs(10)).await;
    erased
}

async fn look(log: &Log) -> Report {
    verify(&log.url, &Schema::default(), |_| ()).await.unwrap()
}

async fn rows(log: &Log, query: &Query) -> Vec<Row> {
    log.reader().await.page(query).await.unwrap().rows
}

async fn values_go_and_the_log_stays_provable_and_tells_of_it(log: Log) {
    with_entries(&log).await;
    let erased = erase(&log, &["ip_address", "metadata.email"], &query::by_actor("user_1")).await.unwrap();
    assert_eq!((erased.rows, erased.untouched), (2, 0));
    for row in rows(&log, &query::by_actor("user_1")).await {
        assert!(row.ip_address.is_none() && row.metadata.get("email").is_none() && row.salt.is_none());
        assert_eq!(row.user_agent.as_deref(), Some("Mozilla/5.0"));
        assert!(!format!("{row:?}").contains("somebody@"), "{row:?}");
    }
    let untouched = &rows(&log, &query::by_actor("user_2")).await[0];
    assert!(untouched.redacted.is_none() && untouched.metadata.get("email").is_some());

    let report = look(&log).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!(report.redacted_rows, 2);
    let [redaction] = report.redactions.as_slice() else { panic!("{:?}", report.redactions) };
    assert_eq!(
        (redaction.by.as_deref(), redaction.reason.as_str(), redaction.rows),
        (Some("counsel"), "request 117", 2)
    );
    assert_eq!(redaction.fields, ["ip_address", "metadata.email"]);
    let told = rows(&log, &query::by_action("audit.redacted")).await;
    assert_eq!(told.iter().map(|row| row.outcome.as_str()).collect::<Vec<_>>(), ["success", "attempted"]);
    assert!(told.iter().all(|row| !format!("{row:?}").contains("somebody@")));

    let again = erase(&log, &["ip_address", "metadata.email"], &query::by_actor("user_1")).await.unwrap();
    assert_eq!((again.rows, again.untouched), (0, 2));
    assert_eq!(rows(&log, &query::by_action("audit.redacted")).await.len(), 2, "there was nothing to tell");
}

async fn a_row_of_a_clock_that_was_ahead_can_be_erased(log: Log) {
    let later = SystemTime::now() + Duration::from_hours(1);
    let ahead = Entry::builder(ActionName::unlisted("user.invited").unwrap())
        .created_at(later)
        .metadata("email", SECRET)
        .metadata("role", "admin")
        .build();
    let batch = Freezer::new().freeze(vec![ahead], later);
    log.land(&batch).await;
    let until = Query::new().until((later + Duration::from_secs(1)).into());
    assert_eq!(erase(&log, &["metadata.email"], &until).await.unwrap().rows, 1);
    let report = look(&log).await;
    assert!(report.is_intact() && report.redacted_rows == 1, "{:?}", report.breaks);
    // What was told of one field is not told of another.
    assert_eq!(erase(&log, &["metadata.role"], &until).await.unwrap().rows, 1);
    assert!(look(&log).await.is_intact());
    let text = if log.is_postgres() { "metadata::text" } else { "metadata" };
    let told = format!("DELETE FROM audit_logs WHERE action = 'audit.redacted' AND {text} LIKE '%metadata.role%'");
    log.tamper(&told, &told).await;
    let breaks = look(&log).await.breaks;
    let untold = |found: &Break| matches!(found, Break::UntoldErasure { fields, .. } if fields == "metadata.role");
    assert!(breaks.iter().any(untold), "{breaks:?}");
}

/// The marks that say that it waited go with a text that was cut, whose hash they hold.
async fn a_row_that_waited_is_not_taken_for_one_dated_back_once_its_marks_are_erased(log: Log) {
    let now = SystemTime::now();
    let context = Context::new().with_actor(Actor::user("user_1")).with_user_agent("x".repeat(2_000));
    let waited = Entry::builder(ActionName::unlisted("user.invited").unwrap())
        .created_at(now - Duration::from_mins(10))
        .context(context)
        .build();
    log.land(&Freezer::new().freeze(vec![waited], now)).await;
    assert_eq!(erase(&log, &["user_agent"], &query::by_actor("user_1")).await.unwrap().rows, 1);
    assert!(rows(&log, &query::by_actor("user_1")).await[0].metadata.get("_audit").is_none());
    let report = look(&log).await;
    assert!(report.is_intact() && report.redacted_rows == 1, "{:?}", report.breaks);
}

async fn a_row_can_lose_one_field_after_another(log: Log) {
    with_entries(&log).await;
    let target = query::by_target(Target::project("proj_1"));
    for names in
        [&["user_agent"][..], &["metadata.email", "metadata.count"], &["actor_id", "ip_address"], &["target_id"]]
    {
        assert_eq!(erase(&log, names, &target).await.unwrap().rows, 3, "{names:?}");
        let report = look(&log).await;
        assert!(report.is_intact(), "{names:?}: {:?}", report.breaks);
    }
    let report = look(&log).await;
    assert_eq!((report.redacted_rows, report.redactions.len()), (3, 4));
}

async fn what_was_erased_without_a_word_is_found(log: Log) {
    with_entries(&log).await;
    erase(&log, &["ip_address"], &query::by_actor("user_1")).await.unwrap();
    // Somebody takes the words away that tell of it, and closes the gap: as if an owner had erased by hand.
    let told = "DELETE FROM audit_logs WHERE action = 'audit.redacted'; \
                DELETE FROM audit_batches WHERE n = 1; DELETE FROM audit_tree";
    log.tamper(told, told).await;
    let breaks = look(&log).await.breaks;
    let untold: Vec<_> = breaks
        .iter()
        .filter(|found| matches!(found, Break::UntoldErasure { fields, .. } if fields == "ip_address"))
        .collect();
    assert_eq!(untold.len(), 2, "{breaks:?}");
}

async fn an_erased_value_cannot_be_put_back_nor_replaced(log: Log) {
    with_entries(&log).await;
    erase(&log, &["ip_address", "metadata.email"], &query::by_actor("user_1")).await.unwrap();
    let of_erased = "WHERE redacted IS NOT NULL";
    let text = |pg: &str, lite: &str| if log.is_postgres() { pg.to_owned() } else { lite.to_owned() };
    log.tamper("CREATE TABLE kept AS SELECT * FROM audit_logs", "CREATE TABLE kept AS SELECT * FROM audit_logs").await;
    let changes = [
        format!("UPDATE audit_logs SET ip_address = '10.0.0.1' {of_erased}"),
        format!("UPDATE audit_logs SET user_agent = NULL {of_erased}"),
        format!("UPDATE audit_logs SET actor_id = 'another' {of_erased}"),
        format!("UPDATE audit_logs SET metadata = '{{\"role\": \"owner\", \"count\": 3}}' {of_erased}"),
        format!("UPDATE audit_logs SET redacted = '{{}}' {of_erased}"),
        format!("UPDATE audit_logs SET redacted = NULL {of_erased}"),
        format!("UPDATE audit_logs SET salt = {} {of_erased}", text("decode(repeat('07', 16), 'hex')", "zeroblob(16)")),
        text(
            "UPDATE audit_logs SET redacted = jsonb_set(redacted, '{erased,ip_address}', to_jsonb(repeat('07', 32))) WHERE redacted IS NOT NULL",
            "UPDATE audit_logs SET redacted = json_set(redacted, '$.erased.ip_address', '0707070707070707070707070707070707070707070707070707070707070707') WHERE redacted IS NOT NULL",
        ),
        text(
            "UPDATE audit_logs SET redacted = redacted #- '{erased,ip_address}' WHERE redacted IS NOT NULL",
            "UPDATE audit_logs SET redacted = json_remove(redacted, '$.erased.ip_address') WHERE redacted IS NOT NULL",
        ),
    ];
    for change in changes {
        log.tamper(&change, &change).await;
        assert!(!look(&log).await.is_intact(), "{change}");
        let undo = "DELETE FROM audit_logs; INSERT INTO audit_logs SELECT * FROM kept";
        log.tamper(undo, undo).await;
        assert!(look(&log).await.is_intact());
    }
}

/// The same commitments and salts, so the same leaf. PostgreSQL has a type for JSON, and keeps a spelling only with another.
async fn what_stands_for_erased_values_cannot_be_spelt_otherwise(log: Log) {
    with_entries(&log).await;
    erase(&log, &["ip_address", "metadata.email"], &query::by_actor("user_1")).await.unwrap();
    let to_json = "ALTER TABLE audit_logs ALTER COLUMN redacted TYPE json USING redacted::text::json";
    log.tamper(to_json, "").await;
    let is_disguised = |found: &Break| matches!(found, Break::Disguised { table } if table == "audit_logs");
    let spelt = |found: &Break| matches!(found, Break::Unreadable { what } if what.contains("says it otherwise"));
    let before = look(&log).await.breaks;
    assert_eq!(before.iter().filter(|found| is_disguised(found)).count(), usize::from(log.is_postgres()), "{before:?}");
    assert!(!before.iter().any(spelt), "{before:?}");
    let copy = "CREATE TABLE kept AS SELECT * FROM audit_logs";
    log.tamper(copy, copy).await;
    let twice = "\"erased\":{\"user_agent\":\"00\"},\"erased\":";
    // What a reading of JSON brings into one form, and a look at the text alone does not, differs by store.
    for (from, to, is_more) in [
        ("\"erased\":", "\"er\\u0061sed\":", true),
        ("\"ip_address\":", "\"ip\\u005faddress\":", true),
        ("\"erased\":", twice, true),
        ("\"erased\":", "\"erased\": ", false),
        ("{\"erased\":", "\n{\"erased\":", false),
    ] {
        let from_spaced = from.replace("\":", "\": ");
        log.tamper(
            &format!(
                "UPDATE audit_logs SET redacted = replace(redacted::text, '{from_spaced}', '{to}')::json WHERE redacted IS NOT NULL"
            ),
            &format!("UPDATE audit_logs SET redacted = replace(redacted, '{from}', '{to}') WHERE redacted IS NOT NULL"),
        )
        .await;
        let breaks = look(&log).await.breaks;
        let rows = if is_more || !log.is_postgres() { 2 } else { 0 };
        assert_eq!(breaks.iter().filter(|found| spelt(found)).count(), rows, "{to}: {breaks:?}");
        let undo = "DELETE FROM audit_logs; INSERT INTO audit_logs SELECT * FROM kept";
        log.tamper(undo, undo).await;
    }
    log.tamper(
        "",
        "UPDATE audit_logs SET redacted = '{\"salts\":' || json_extract(redacted, '$.salts') || ',\"erased\":' ||
                json_extract(redacted, '$.erased') || '}' WHERE redacted IS NOT NULL",
    )
    .await;
    let breaks = look(&log).await.breaks;
    assert_eq!(breaks.iter().filter(|found| spelt(found)).count(), if log.is_postgres() { 0 } else { 2 }, "{breaks:?}");
}

/// With the salts of its fields in the place of the row's own the leaf would be the same, and nobody would hear of it.
async fn a_salt_cannot_go_without_a_value(log: Log) {
    let entry = Entry::builder(ActionName::unlisted("door.opened").unwrap()).build();
    let batch = Freezer::new().freeze(vec![entry], SystemTime::now());
    log.land(&batch).await;
    let salt = |of: &str| {
        let mut digest = Sha256::new();
        for field in [&b"audit-salt-v1"[..], &batch.rows()[0].row.salt.unwrap(), of.as_bytes()] {
            digest.update(u32::try_from(field.len()).unwrap().to_be_bytes());
            digest.update(field);
        }
        let digits = digest.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        format!("\"{of}\":\"{digits}\"")
    };
    let salts = ["actor_id", "metadata._audit"].map(salt).join(",");
    let change = format!("UPDATE audit_logs SET salt = NULL, redacted = '{{\"erased\":{{}},\"salts\":{{{salts}}}}}'");
    log.tamper(&change, &change).await;
    let breaks = look(&log).await.breaks;
    assert!(matches!(breaks[..], [Break::UnprovableRow { .. }]), "{breaks:?}");
}

async fn nothing_else_can_be_changed_under_the_pretext_of_erasing(log: Log) {
    let batch = with_entries(&log).await;
    let id = batch.rows()[0].row.id;
    let simple = id.simple();
    // As the owner, and with the word by which audit_redact does it.
    let (allow, id_literal) = if log.is_postgres() {
        (format!("SET LOCAL ROLE audit_owner; SELECT set_config('audit.redact', '{id}', true);"), format!("'{id}'"))
    } else {
        (format!("INSERT INTO audit_erasing VALUES (x'{simple}');"), format!("x'{simple}'"))
    };
    let empty = "'{\"erased\": {}, \"salts\": {}}'";
    let changes = [
        "action = 'another'",
        "outcome = 'failure'",
        "seq = 7",
        "request_id = 'req_1'",
        "tenant_id = 'acme'",
        "actor_id = 'another'",
        "ip_address = '10.0.0.1'",
        "metadata = '{\"email\": \"another\"}'",
        "metadata = '{\"more\": 1}'",
        "error = 'there was none'",
    ];
    for change in changes {
        let update = format!(
            "{allow} UPDATE control_plane.audit_logs SET {change}, salt = NULL, redacted = {empty} WHERE id = {id_literal}"
        );
        let refused = log.attack(&update).await;
        assert!(refused.is_err(), "{change}");
    }
    let delete = format!("{allow} DELETE FROM control_plane.audit_logs WHERE id = {id_literal}");
    assert!(log.attack(&delete).await.is_err());
    let keeps_salt = format!(
        "{allow} UPDATE control_plane.audit_logs SET actor_id = NULL, redacted = {empty} WHERE id = {id_literal}"
    );
    assert!(log.attack(&keeps_salt).await.is_err());
    let says_nothing =
        format!("{allow} UPDATE control_plane.audit_logs SET actor_id = NULL, salt = NULL WHERE id = {id_literal}");
    assert!(log.attack(&says_nothing).await.is_err());
    let without_a_word = format!(
        "UPDATE control_plane.audit_logs SET actor_id = NULL, salt = NULL, redacted = {empty} WHERE id = {id_literal}"
    );
    assert!(log.attack(&without_a_word).await.is_err());
    assert!(look(&log).await.is_intact());
    // What was refused was refused for what it was, and not for how it was said.
    let erased = format!(
        "{allow} UPDATE control_plane.audit_logs SET actor_id = NULL, salt = NULL, redacted = {empty} WHERE id = {id_literal}"
    );
    log.attack(&erased).await.unwrap();
}

async fn what_is_under_hold_is_not_erased(log: Log) {
    with_entries(&log).await;
    let writer = writer(&log).await;
    let mut holds = Holds::connect(&log.url, &Schema::default()).await.unwrap();
    let hold = Hold::new("case 117", "user:counsel").actor("user_1");
    let id = hold.id;
    holds.add(hold, writer.auditor()).await.unwrap();
    let error = erase(&log, &["ip_address"], &query::by_actor("user_1")).await.unwrap_err();
    assert!(matches!(error, ErasureError::Held { hold, .. } if hold == id), "{error}");
    assert_eq!(erase(&log, &["ip_address"], &query::by_actor("user_2")).await.unwrap().rows, 1);
    holds.release(id, "closed", "user:counsel", writer.auditor()).await.unwrap();
    assert_eq!(erase(&log, &["ip_address"], &query::by_actor("user_1")).await.unwrap().rows, 2);

    let now = chrono::Utc::now();
    let past = Hold::new("of another time", "user:counsel").until(now - chrono::TimeDelta::days(1));
    holds.add(past, writer.auditor()).await.unwrap();
    assert_eq!(erase(&log, &["user_agent"], &query::by_actor("user_1")).await.unwrap().rows, 2);
    let time = Hold::new("of this time", "user:counsel").since(now - chrono::TimeDelta::days(1));
    holds.add(time, writer.auditor()).await.unwrap();
    let error = erase(&log, &["metadata.email"], &query::by_actor("user_2")).await.unwrap_err();
    assert!(matches!(error, ErasureError::Held { .. }), "{error}");
    writer.shutdown(Duration::from_secs(10)).await;
    assert!(look(&log).await.is_intact());
}

async fn holds_are_recorded_and_released_once(log: Log) {
    let writer = writer(&log).await;
    let mut holds = Holds::connect(&log.url, &Schema::default()).await.unwrap();
    let nothing = holds.add(Hold::new("nothing", "me"), writer.auditor()).await.unwrap_err();
    assert!(matches!(nothing, HoldError::Unsound));
    let hold = Hold::new("case 117", "user:counsel").target("proj_1");
    let id = hold.id;
    holds.add(hold.clone(), writer.auditor()).await.unwrap();
    let mut active = holds.active().await.unwrap();
    assert!(active[0].added_at.take().is_some());
    assert_eq!(active, [hold]);
    holds.release(id, "closed", "user:counsel", writer.auditor()).await.unwrap();
    assert_eq!(holds.active().await.unwrap(), []);
    let again = holds.release(id, "closed", "user:counsel", writer.auditor()).await.unwrap_err();
    assert!(matches!(again, HoldError::NoHold { .. }), "{again}");
    let never = holds.release(uuid::Uuid::nil(), "closed", "user:counsel", writer.auditor()).await.unwrap_err();
    assert!(matches!(never, HoldError::NoHold { .. }), "{never}");
    writer.shutdown(Duration::from_secs(10)).await;
    let outcomes = async |action: &str| {
        let rows = rows(&log, &query::by_action(action)).await;
        rows.iter().map(|row| row.outcome.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes("audit.hold_added").await, ["success", "attempted"]);
    assert_eq!(
        outcomes("audit.hold_removed").await,
        ["failure", "attempted", "failure", "attempted", "success", "attempted"]
    );
    for change in [
        "UPDATE control_plane.audit_holds SET reason = ''",
        "DELETE FROM control_plane.audit_holds",
        "DELETE FROM control_plane.audit_hold_releases",
    ] {
        assert!(log.attack(change).await.is_err(), "{change}");
    }
}

async fn a_row_that_was_changed_is_left_as_evidence(log: Log) {
    with_entries(&log).await;
    let change = "UPDATE audit_logs SET salt = NULL WHERE actor_id = 'user_2'";
    log.tamper(change, change).await;
    let error = erase(&log, &["ip_address"], &query::by_actor("user_2")).await.unwrap_err();
    assert!(matches!(error, ErasureError::Broken { .. }), "{error}");
}

async fn the_file_forgets(log: Log) {
    with_entries(&log).await;
    let erased = erase(&log, &["metadata.email"], &query::by_target(Target::project("proj_1"))).await.unwrap();
    assert_eq!((erased.rows, erased.to_vacuum), (3, Vec::new()), "the superuser may vacuum");
    if let Some(folder) = log.folder() {
        for file in ["audit.db", "audit.db-wal"] {
            let bytes = std::fs::read(folder.join(file)).unwrap_or_default();
            assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{file}");
        }
    }
}

/// Programs have no such times.
#[tokio::test]
async fn a_hold_to_the_end_of_time_has_no_end() {
    let log = Log::postgres().await;
    let database = log.database().unwrap();
    for (since, until) in [("NULL", "'infinity'"), ("'-infinity'", "now()"), ("'-infinity'", "'infinity'")] {
        let add =
            format!("SELECT control_plane.audit_add_hold(gen_random_uuid(), {since}, {until}, 'user_1', NULL, '', '')");
        assert!(database.try_execute(&add).await.is_err(), "{add}");
    }
    let mut holds = Holds::connect(&log.url, &Schema::default()).await.unwrap();
    assert_eq!(holds.active().await.unwrap(), []);
}

#[tokio::test]
async fn the_admin_erases_and_nobody_else() {
    let log = Log::postgres().await;
    with_entries(&log).await;
    let database = log.database().unwrap();
    let keeper = database.user("keeper_of_erasure", "IN ROLE audit_admin, audit_reader, audit_writer").await;
    let writer = Auditor::builder().url(&keeper).migrate(Migrate::Skip).start().await.unwrap();
    let schema = Schema::default();
    let erasure = Erasure::new(&keeper, &schema, fields(&["ip_address"]), "request 117");
    let erased = erasure.rows_of(&query::by_actor("user_1"), writer.auditor(), |_| ()).await.unwrap();
    assert_eq!(erased.rows, 2);
    assert!(erased.to_vacuum[0].contains("audit_logs_"), "{:?}", erased.to_vacuum);
    writer.shutdown(Duration::from_secs(10)).await;
    assert!(look(&log).await.is_intact());

    let call = "SELECT control_plane.audit_redact(gen_random_uuid(), now(), '{actor_id}', '{}')";
    for role in ["audit_writer", "audit_reader", "audit_sealer", "audit_drainer"] {
        let url = database.url_as(role).await;
        assert!(execute_at(&url, call).await.is_err(), "{role}");
        assert!(
            execute_at(&url, "SELECT control_plane.audit_release_hold(gen_random_uuid(), '', '')").await.is_err(),
            "{role}"
        );
    }
    let update = "UPDATE control_plane.audit_logs SET actor_id = NULL";
    for sql in [update.to_owned(), format!("SET session_replication_role = replica; {update}")] {
        assert!(database.try_execute(&sql).await.is_err(), "{sql}");
        assert!(execute_at(&keeper, &sql).await.is_err(), "{sql}");
    }
}

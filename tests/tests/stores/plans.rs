//! How PostgreSQL finds rows: by which indexes, and never by reading a partition through.

use std::fmt::Write as _;

use audit_core::migrate::{Options, SearchIndex, build_search_index, migrate};
use audit_core::query::{Filter, Query, Reader};
use audit_core::store::Schema;
use tests::postgres::{Database, server};
use tests::proxy::{Manner, Proxy};
use tests::reading::reads;
use uuid::Uuid;

/// The eight weeks before this one, of 4,000 entries each, as a service has them: few actors are busy, most are
/// rare. A partition of a few hours would be read in whatever way, as all of it is little.
async fn filled() -> Database<'static> {
    let database = server().collated_database().await;
    migrate(&database.url(), &Options::new()).await.unwrap();
    let mut sql = String::new();
    for week in 1..9 {
        let _ = write!(sql, "SELECT control_plane.audit_ensure_partition(now() - interval '{week} weeks');");
    }
    sql.push_str(
        "INSERT INTO control_plane.audit_logs
             (id, created_at, stream_id, seq, actor_type, outcome, actor_id, action, target_type, target_id, metadata, ip_address,
              user_agent, request_id, tenant_id, salt)
         SELECT gen_random_uuid(), date_trunc('week', now(), 'UTC') - i * interval '150 seconds', gen_random_uuid(), i, 'user',
                CASE WHEN i % 50 = 0 THEN 'denied' ELSE 'success' END,
                'user_' || (power(random(), 4) * 2000)::int, 'thing.action_' || (power(random(), 3) * 40)::int, 'project',
                'proj_' || (random() * 5000)::int,
                jsonb_build_object('changes', jsonb_build_object('name', 'Project' || i), 'reason', md5(i::text)),
                ('10.' || i % 7 || '.0.' || i % 200)::inet, 'Mozilla/5.0 (X11; Linux x86_64)', 'req_' || i / 3,
                'tenant_' || i % 20, '\\x00000000000000000000000000000000'
           FROM generate_series(1, 32000) AS i;
         ANALYZE control_plane.audit_logs;",
    );
    database.execute(&sql).await;
    database
}

fn asked(text: &str) -> Query {
    text.parse::<Filter>().unwrap().into()
}

#[tokio::test]
async fn no_filter_of_the_seed_reads_a_partition_through() {
    let database = filled().await;
    // Rows of the busiest are found soonest along the time.
    for (text, index) in [
        ("", "created_at"),
        ("created:14d..7d", "created_at"),
        ("actor:user_0", "created_at"),
        ("actor:user_1777", "actor_"),
        ("actor:nobody", "actor_"),
        ("actor:user/user_3 outcome:denied created:>=30d", "actor_"),
        ("target:project/proj_456", "target_"),
        ("target:proj_456 action:thing.action_1", "target_"),
        ("action:thing.action_0", "created_at"),
        ("action:thing.action_38", "action"),
        ("action:thing.none", "action"),
        ("action:thing.action_38 created:30d..20d", "action"),
        ("request:req_900", "request_id"),
        ("request:req_90*", "request_id"),
        ("actor:user_177*", "actor_"),
        ("target:project/proj_45*", "target_"),
        ("id:01a21d84-fd14-7dfb-8034-e4fde52d0fc7", "pkey"),
    ] {
        for query in [asked(text), asked(text).oldest_first()] {
            let (through, indexes) = reads(&database, &query).await;
            assert_eq!(through, 0, "{text}: {indexes:?}");
            assert!(indexes.iter().any(|used| used.contains(index)), "{text}: {indexes:?}");
        }
    }
}

/// Half-empty, it would be about twice as large as when it is built anew.
#[tokio::test]
async fn the_index_over_the_time_stays_full() {
    let database = server().database().await;
    migrate(&database.url(), &Options::new()).await.unwrap();
    let rows = "INSERT INTO control_plane.audit_logs
                    (id, created_at, stream_id, seq, actor_type, outcome, action, target_type, metadata)
                SELECT gen_random_uuid(), now() + i * interval '1 microsecond', gen_random_uuid(), i, 'user', 'success', 'thing.done',
                       'thing', '{}'
                  FROM generate_series(1, 20000) AS i";
    database.execute(rows).await;
    let size = "SELECT sum(pg_relation_size(inhrelid))::bigint FROM pg_inherits
                 WHERE inhparent = 'control_plane.idx_audit_logs_created_at'::regclass";
    let grown: i64 = database.value(size).await;
    database.execute("REINDEX TABLE control_plane.audit_logs").await;
    let built: i64 = database.value(size).await;
    assert!(grown * 4 < built * 5, "{grown} bytes instead of {built}");
}

/// Lets the reader see rows only while something is true of its session.
async fn shown_while(database: &Database<'_>, condition: &str) {
    let policy = format!(
        "CREATE FUNCTION control_plane.is_shown() RETURNS boolean LANGUAGE sql AS $$ SELECT {condition} $$;
         ALTER TABLE control_plane.audit_logs ENABLE ROW LEVEL SECURITY;
         CREATE POLICY shown ON control_plane.audit_logs USING (control_plane.is_shown())"
    );
    database.execute(&policy).await;
}

#[tokio::test]
async fn what_the_newest_partition_does_not_answer_is_planned_once_in_a_session() {
    let database = filled().await;
    shown_while(&database, "EXISTS (SELECT FROM pg_prepared_statements WHERE generic_plans >= 2 AND custom_plans = 0)")
        .await;
    let reader = Reader::connect(&database.url_as("audit_reader").await, &Schema::default()).await.unwrap();
    for (request, rows) in [("req_9000", 0), ("req_9001", 3), ("req_9002", 3)] {
        let query = asked(&format!("request:{request}"));
        assert_eq!(reader.page(&query).await.unwrap().rows.len(), rows, "{request}");
    }
}

#[tokio::test]
async fn behind_a_pooler_a_reader_prepares_nothing_and_finds_the_same() {
    let database = filled().await;
    shown_while(&database, "NOT EXISTS (SELECT FROM pg_prepared_statements)").await;
    let url = database.url_as("audit_reader").await;
    for manner in [Manner::RefuseOptions, Manner::LoseOptions] {
        let proxy = Proxy::before(database.server().port(), manner);
        let reader = Reader::connect(&proxy.url(&url), &Schema::default()).await.unwrap();
        for request in ["req_9000", "req_9001", "req_9002"] {
            let query = asked(&format!("request:{request}"));
            assert_eq!(reader.page(&query).await.unwrap().rows.len(), 3, "{manner:?} {request}");
        }
    }
}

#[tokio::test]
async fn of_two_terms_the_one_leads_that_few_rows_meet() {
    let database = filled().await;
    // The busiest actor has thousands of rows, and the other term none.
    let read = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname LIKE 'audit\\_logs\\_%'";
    for text in ["actor:user_0 action:thing.none", "action:thing.action_0 target:nothing", "actor:user_0 request:none"]
    {
        let before: i64 = database.value(read).await;
        reads(&database, &asked(text)).await;
        let looked_at = database.value::<i64>(read).await - before;
        // To see that an actor's rows are not few takes 2,501 of them.
        assert!(looked_at < 2_600, "{text}: {looked_at}");
    }
}

#[tokio::test]
async fn pages_of_two_terms_that_many_rows_meet_are_the_rows_that_meet_both() {
    let database = filled().await;
    let reader = Reader::connect(&database.url(), &Schema::default()).await.unwrap();
    let query = asked("actor:user_0 action:thing.action_1");
    let sql = "SELECT array_agg(id ORDER BY created_at, id) FROM control_plane.audit_logs
                WHERE actor_id = 'user_0' AND action = 'thing.action_1'";
    let mut ids: Vec<Uuid> = database.value(sql).await;
    // Among the 2,500 rows that are looked at there are 200 of them; there are not 350.
    for limit in [200, 350] {
        let page = reader.page(&query.clone().oldest_first().limit(limit)).await.unwrap();
        assert_eq!(page.rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids[..limit as usize], "oldest {limit}");
    }
    ids.reverse();
    for limit in [200, 350] {
        let page = reader.page(&query.clone().limit(limit)).await.unwrap();
        assert_eq!(page.rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids[..limit as usize], "newest {limit}");
    }
}

#[tokio::test]
async fn metadata_are_found_by_their_index_once_it_is_there() {
    let database = filled().await;
    let query = asked("metadata.changes.name:Project17000");
    let (_, indexes) = reads(&database, &query).await;
    assert!(!indexes.contains(&"idx_audit_logs_metadata".to_owned()));

    let mut partitions = Vec::new();
    let built = build_search_index(&database.url(), &Options::new(), SearchIndex::Metadata, |name| {
        partitions.push(name.to_owned());
    })
    .await
    .unwrap();
    assert!(built >= 9 && built == partitions.len(), "{partitions:?}");
    database.execute("ANALYZE control_plane.audit_logs").await;
    for query in [query.clone(), query.oldest_first(), asked("metadata.changes.name:Project17000 -outcome:failure")] {
        let (through, indexes) = reads(&database, &query).await;
        assert!(indexes.contains(&"idx_audit_logs_metadata".to_owned()), "{indexes:?}");
        assert_eq!(through, 0);
    }
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'control_plane.idx_audit_logs_metadata'::regclass";
    assert!(database.value::<bool>(valid).await, "the index of the whole table is complete");

    // What is there is left alone, and a partition that comes later has it from the start.
    let again = build_search_index(&database.url(), &Options::new(), SearchIndex::Metadata, |_| {}).await.unwrap();
    assert_eq!(again, 0);
    database.execute("SELECT control_plane.audit_ensure_partition(now() - interval '20 weeks')").await;
    let lacking = "SELECT count(*) FROM pg_inherits t
                    WHERE t.inhparent = 'control_plane.audit_logs'::regclass
                      AND NOT EXISTS (SELECT FROM pg_index x JOIN pg_inherits i ON i.inhrelid = x.indexrelid
                                       WHERE x.indrelid = t.inhrelid AND i.inhparent = 'control_plane.idx_audit_logs_metadata'::regclass)";
    assert_eq!(database.value::<i64>(lacking).await, 0);
}

#[tokio::test]
async fn a_build_that_was_broken_off_is_begun_again_and_blocks_no_writer() {
    let database = filled().await;
    // A build waits for whoever writes, and is given up.
    let mut writer = database.connect().await;
    let insert = "BEGIN; INSERT INTO control_plane.audit_logs (id, created_at, stream_id, seq, actor_type, outcome, action, target_type, metadata)
                  VALUES (gen_random_uuid(), now(), gen_random_uuid(), 0, 'user', 'success', 'a.b', 'c', '{}')";
    sqlx::raw_sql(insert).execute(&mut writer).await.unwrap();
    let of_now = "SELECT partition::text FROM control_plane.audit_partitions() WHERE now() >= lower_bound AND now() < upper_bound";
    let name: String = database.value(of_now).await;
    let build = format!(
        "SET statement_timeout = '100ms'; CREATE INDEX CONCURRENTLY \"{name}_metadata\" ON control_plane.{name} USING gin (metadata jsonb_path_ops)"
    );
    let mut other = database.connect().await;
    for statement in build.split("; ") {
        let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut other).await;
    }
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(database.value::<i64>(invalid).await, 1, "the build left its remains");

    let (url, options) = (database.url(), Options::new());
    let building = build_search_index(&url, &options, SearchIndex::Metadata, |_| {});
    // While it builds, others write.
    let writing = async {
        for _ in 0..20 {
            database.execute(&format!("{insert}; COMMIT")).await;
        }
        sqlx::raw_sql("COMMIT").execute(&mut writer).await.unwrap();
    };
    let (count, ()) = tokio::join!(building, writing);
    assert!(count.unwrap() >= 9);
    assert_eq!(database.value::<i64>(invalid).await, 0);
}

#[tokio::test]
async fn free_text_is_found_by_trigrams_where_the_time_is_over() {
    let database = filled().await;
    let built = build_search_index(&database.url(), &Options::new(), SearchIndex::Text, |_| {}).await.unwrap();
    let closed = "SELECT count(*) FROM control_plane.audit_partitions() WHERE upper_bound <= now()";
    assert_eq!(i64::try_from(built).unwrap(), database.value::<i64>(closed).await);
    let (_, indexes) = reads(&database, &asked("\"PROJECT31000\"")).await;
    assert!(indexes.iter().any(|name| name.ends_with("_metadata_text")), "{indexes:?}");
    let live = "SELECT count(*) FROM pg_indexes i JOIN control_plane.audit_partitions() p ON p.partition = i.tablename
                 WHERE p.upper_bound > now() AND i.indexname LIKE '%text'";
    assert_eq!(database.value::<i64>(live).await, 0);
}

#[tokio::test]
async fn sqlite_says_that_it_has_none() {
    let log = crate::log::Log::sqlite().await;
    let error = build_search_index(&log.url, &Options::new(), SearchIndex::Metadata, |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("only PostgreSQL has it"), "{error}");
}

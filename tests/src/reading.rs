//! How long answers take: a log of a year, the questions of those who read it, and the way of the seed beside them.

mod load;
mod page;
mod questions;
mod reads;
mod timing;

use std::time::{Duration, Instant};

use audit_core::migrate::{Options, SearchIndex, build_search_index, migrate};
use audit_core::query::{By, Query, Reader};
use audit_core::store::Schema;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::timeout;

pub(crate) use self::load::fill;
use self::page::first_page;
use self::questions::{Question, asked};
pub use self::reads::reads;
use self::timing::Timing;
use crate::findings::Findings;
use crate::plot::{Plot, Spans};
use crate::postgres::{Database, Durability, Server};
use crate::rounds::Rounds;

/// Rows by themselves.
pub const ROWS: u64 = 10_000_000;
/// How often each question is asked, and each in the seed's way, which takes longer.
const ASKED: usize = 300;
const ASKED_THE_SEEDS_WAY: u64 = 10;
/// For all answers to one question.
const AT_MOST: Duration = Duration::from_secs(20);
/// Rows before the deep page: 20,000 pages.
const DEEP: u64 = 20_000 * Query::DEFAULT_LIMIT as u64;
/// What the viewer asks of its facets and its histogram.
const BARS: usize = 60;
const VALUES: usize = 8;
const GLANCE: Duration = Duration::from_millis(300);
/// Until the entries of the viewer's page are there, in ms.
const SEEN: f64 = 300.0;
/// For building the index of the metadata.
const BUILT_WITHIN: Duration = Duration::from_mins(20);

/// Fills a log with so many rows and asks it. Prints a table, and gives back its figures.
///
/// # Panics
///
/// When a question reads a partition through, or one about metadata does so in spite of the index for it.
pub async fn run(rows: u64) -> Findings {
    let server = Server::tuned(Durability::Off).await;
    let database = log(&server, rows).await;
    let bytes = size(&database).await;

    for question in questions::all() {
        let query = (question.ask)(0);
        let (through, indexes) = reads(&database, &query).await;
        assert_eq!(through, 0, "{} reads partitions through; it uses {indexes:?}", question.name);
    }
    println!("no question reads a partition through\n");
    load::warm(&database).await;

    let reader = Reader::connect(&database.url(), &Schema::default()).await.expect("the log is there");
    let mut plain = database.connect().await;
    println!("{}", Timing::HEADER);
    let mut pages = Vec::new();
    for question in questions::all() {
        pages.push(measure(&reader, &mut plain, &question).await);
    }
    let deep = deep(&reader, &mut plain).await;
    let depth = deep.median() / pages[0].median();
    pages.push(deep);
    let glance = Reader::connect(&database.url(), &Schema::default()).await.expect("the log is there");
    let glance = glance.with_patience(GLANCE);
    let counted = counts(&reader, &glance, &mut plain).await;
    drop((reader, glance));
    plain.close().await.expect("a good-bye");
    let viewed = first_page(&database.url(), SEEN).await;
    let searched = metadata(&database).await;
    let worst = pages.iter().map(Timing::p99).fold(0.0, f64::max);
    let longest = counted.iter().filter(|timing| timing.is_of("facets")).map(Timing::longest).fold(0.0, f64::max);
    let plot = Spans {
        title: format!("Pages of 50 rows; {rows} rows in the log"),
        unit: "ms",
        dots: vec!["median", "p99", "most", "OFFSET, COUNT(*)"],
        rows: pages.iter().map(Timing::row).collect(),
    };
    let timings = pages.iter().chain(&counted).chain(&viewed).chain(&searched);
    let figures: Vec<_> = timings.map(Timing::json).collect();
    let figures = json!({ "rows": rows, "partitions": load::PARTITIONS, "bytes": bytes, "questions": figures });
    Findings::new("reading", figures)
        .measured("reading", worst)
        .measured("deep page", depth)
        .measured("overview", longest)
        .measured("first page", viewed[0].p99())
        .plot(Plot::Spans(plot))
}

/// Fills a log with so many rows and keeps it until the process is interrupted, for a look at it.
///
/// # Panics
///
/// When the server does not start, or takes no rows.
pub async fn keep(rows: u64) {
    let server = Server::tuned(Durability::Off).await;
    let database = log(&server, rows).await;
    println!("until ctrl-c: DATABASE_URL={}", database.url());
    tokio::signal::ctrl_c().await.expect("signals are told");
}

/// A log of a year with so many rows, on a server with memory to spare.
async fn log(server: &Server, rows: u64) -> Database<'_> {
    let database = server.database().await;
    migrate(&database.url(), &Options::new()).await.expect("the database is new");
    let began = Instant::now();
    fill(&database, 0..rows).await;
    let (took, megabytes) = (began.elapsed().as_secs_f64(), size(&database).await / 1_000_000);
    println!("{rows} rows in {} partitions, {megabytes} MB, loaded in {took:.0} s", load::PARTITIONS);
    database
}

/// Bytes of the partitions and their indexes.
async fn size(database: &Database<'_>) -> i64 {
    let size = "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits
                 WHERE inhparent = 'control_plane.audit_logs'::regclass";
    database.value(size).await
}

/// Asks a question again and again.
async fn answered(reader: &Reader, question: &Question) -> Timing {
    let mut timing = Timing::new(question.name);
    for (_, number) in Rounds::new(ASKED, AT_MOST).zip(0..) {
        let query = (question.ask)(number);
        let began = Instant::now();
        let page = reader.page(&query).await.expect("an answer");
        timing.took(began.elapsed(), page.rows.len());
        assert_eq!(page.searched_to, None, "{}: an index leads to the rows", question.name);
    }
    timing
}

async fn measure(reader: &Reader, plain: &mut PgConnection, question: &Question) -> Timing {
    let mut timing = answered(reader, question).await;
    if let Some(condition) = question.seed {
        for number in 0..ASKED_THE_SEEDS_WAY {
            timing.took_the_seeds_way(seeds_way(plain, &condition(number), 0).await);
        }
    }
    timing.told(Some(10.0))
}

/// A page and the number of all, as the seed asks for them.
async fn seeds_way(plain: &mut PgConnection, condition: &str, offset: u64) -> Duration {
    let began = Instant::now();
    let table = "control_plane.audit_logs";
    for sql in [
        format!("SELECT * FROM {table} WHERE {condition} ORDER BY created_at DESC LIMIT 50 OFFSET {offset}"),
        format!("SELECT count(*) FROM {table} WHERE {condition}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *plain).await.expect("an answer");
    }
    began.elapsed()
}

/// The page 20,000 pages deep, or in the middle of a log that is smaller.
async fn deep(reader: &Reader, plain: &mut PgConnection) -> Timing {
    let whole = reader.count(&Query::new()).await.expect("an answer").number();
    let depth = DEEP.min(whole / 2);
    let mut rows = reader.rows(Query::new());
    for _ in 0..depth {
        rows.next().await.expect("an answer");
    }
    let query = Query::new().after(rows.cursor().expect("there are rows"));
    let mut timing = Timing::new("page 20,001");
    for _ in Rounds::new(ASKED, AT_MOST) {
        let began = Instant::now();
        let page = reader.page(&query).await.expect("an answer");
        timing.took(began.elapsed(), page.rows.len());
    }
    for _ in 0..3 {
        timing.took_the_seeds_way(seeds_way(plain, "true", depth).await);
    }
    timing.told(Some(10.0))
}

/// Builds the index of the metadata, if there is time for it, and asks it.
async fn metadata(database: &Database<'_>) -> Vec<Timing> {
    let (url, options, began) = (database.url(), Options::new(), Instant::now());
    let building = build_search_index(&url, &options, SearchIndex::Metadata, |_| {});
    let Ok(built) = timeout(BUILT_WITHIN, building).await else {
        println!(
            "the index of the metadata was not built within {} min, and is not asked",
            BUILT_WITHIN.as_secs() / 60
        );
        return Vec::new();
    };
    let (built, took) = (built.expect("the index"), began.elapsed().as_secs_f64());
    let bytes = "SELECT sum(pg_relation_size(inhrelid))::bigint FROM pg_inherits
                  WHERE inhparent = 'control_plane.idx_audit_logs_metadata'::regclass";
    let megabytes = database.value::<i64>(bytes).await / 1_000_000;
    println!("\nthe index of the metadata: {built} partitions, {megabytes} MB, built in {took:.0} s");
    for question in questions::of_metadata() {
        let (through, indexes) = reads(database, &(question.ask)(0)).await;
        println!("{} is found by {}", question.name, indexes.join(", "));
        assert_eq!(through, 0, "{} reads partitions through; it uses {indexes:?}", question.name);
        assert!(indexes.iter().any(|name| name == "idx_audit_logs_metadata"), "{}: {indexes:?}", question.name);
    }
    load::warm(database).await;
    let reader = Reader::connect(&url, &Schema::default()).await.expect("the log is there");
    let mut timings = Vec::new();
    for question in questions::of_metadata() {
        timings.push(answered(&reader, &question).await.told(None));
    }
    timings
}

/// What is counted: for a page of the viewer, at a glance; and as far as there is time.
async fn counts(reader: &Reader, glance: &Reader, plain: &mut PgConnection) -> Vec<Timing> {
    let mut figures = Vec::new();
    for text in ["", "actor:user_0", "action:project.updated", "outcome:denied", "action:secret.purged"] {
        let name = |what: &str| format!("{what}, {}", if text.is_empty() { "all" } else { text });
        let query = asked(text);
        let mut timing = Timing::new(name("facets and histogram"));
        for _ in 0..20 {
            let began = Instant::now();
            let overview = glance.overview(&query, BARS, VALUES).await.expect("an answer");
            timing.took(began.elapsed(), usize::try_from(overview.total.number()).unwrap_or(usize::MAX));
        }
        figures.push(timing.told(Some(500.0)));

        let mut timing = Timing::new(name("estimate"));
        for _ in 0..5 {
            let began = Instant::now();
            let count = reader.estimate(&query).await.expect("an answer");
            timing.took(began.elapsed(), usize::try_from(count.number()).unwrap_or(usize::MAX));
        }
        let condition = questions::condition_of(text);
        let count = format!("SELECT count(*) FROM control_plane.audit_logs WHERE {condition}");
        for _ in 0..3 {
            let began = Instant::now();
            sqlx::raw_sql(AssertSqlSafe(count.clone())).fetch_all(&mut *plain).await.expect("an answer");
            timing.took_the_seeds_way(began.elapsed());
        }
        figures.push(timing.told(Some(500.0)));
    }
    let mut timing = Timing::new("tally by action, all");
    let began = Instant::now();
    let tally = reader.tally(&Query::new(), By::Action, 20).await.expect("an answer");
    timing.took(began.elapsed(), tally.counts.len());
    figures.push(timing.told(None));
    figures
}

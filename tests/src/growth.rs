//! Whether a log takes entries as fast when it is large: the writer's rate into an empty log and into one of a year, in turns, and
//! beside each the rate at which a server-side COPY brings the same rows into a plain table of the same size, the seed's. That
//! one has no partitions: its indexes grow with the log.
//!
//! The large log has as many rows in every week. Entries are made now, so that they fall into the newest partition, and each
//! measure begins after a checkpoint, so that pages are written to the WAL in full as often everywhere.

mod plain;

use std::time::Duration;

use chrono::Utc;
use serde_json::json;

use self::plain::Plain;
use crate::figures::Figures;
use crate::findings::Findings;
use crate::plot::{Lines, Plot};
use crate::postgres::{Durability, Server};
use crate::reading::fill;
use crate::rounds::Rounds;
use crate::writing::{log, store, writer};

/// Rows by themselves; the log has a quarter of them first. They take about 32 GB of disk, the plain table's included.
pub const ROWS: u64 = 20_000_000;
/// How often by itself, at each size.
pub const ROUNDS: usize = 5;
const AT_MOST: Duration = Duration::from_mins(5);
/// Entries of one measure, but not more than a twentieth of the large log.
const STORED: u64 = 200_000;
const WRITER_EMPTY: &str = "the writer, empty log";
const WRITER_LARGE: &str = "the writer, large log";
const PLAIN_EMPTY: &str = "COPY, empty plain table";
const PLAIN_LARGE: &str = "COPY, large plain table";

/// Measures in turns, as often as there are rounds, with a quarter of the rows and with all. Prints tables.
///
/// # Panics
///
/// When an entry is lost.
pub async fn run(rows: u64, rounds: usize) -> Findings {
    let server = Server::tuned(Durability::On).await;
    let (empty, large) = (log(&server).await, log(&server).await);
    let stored = STORED.min(rows / 20).max(1);
    let mut sizes = Vec::new();
    let mut filled = 0;
    for size in [rows / 4, rows] {
        fill(&large, filled..size).await;
        filled = size;
        let beside_empty = Plain::of(&empty).await;
        let beside_large = Plain::of(&large).await;
        let mut rates = Figures::new(WRITER_EMPTY, "entries/s");
        for round in Rounds::new(rounds, AT_MOST) {
            for (log, plain, writers, plains) in
                [(&empty, &beside_empty, WRITER_EMPTY, PLAIN_EMPTY), (&large, &beside_large, WRITER_LARGE, PLAIN_LARGE)]
            {
                let began = Utc::now();
                log.execute("CHECKPOINT").await;
                rates.add(writers, store(writer(&log.url(), 1), stored).await.rate);
                rates.add(plains, plain.copy_since(began).await);
            }
            println!("{size} rows, round {round} of {rounds}");
        }
        println!("{size} rows in the large ones; {stored} entries each way, the median of the rounds\n{rates}");
        sizes.push((size, rates));
    }
    let (_, whole) = sizes.last().expect("there are two");
    let ratio = 1.0 / whole.first_by(WRITER_LARGE);
    let plot = plot(&sizes);
    let sizes: Vec<_> = sizes.iter().map(|(size, rates)| json!({ "rows": size, "rates": rates.json() })).collect();
    Findings::new("growth", json!({ "stored": stored, "sizes": sizes })).measured("growth", ratio).plot(plot)
}

/// Rates as parts of that into the empty log in the same rounds, which what disturbs the machine disturbs less than rates.
#[expect(clippy::cast_precision_loss, reason = "a picture needs no more")]
fn plot(sizes: &[(u64, Figures)]) -> Plot {
    let percent = |rates: &Figures, way: &str| 100.0 / rates.first_by(way);
    let line = |empty: &'static str, large: &'static str| {
        let first = sizes.iter().map(|(_, rates)| percent(rates, empty)).sum::<f64>() / sizes.len() as f64;
        let others = sizes.iter().map(|(size, rates)| (*size as f64, percent(rates, large)));
        std::iter::once((0.0, first)).chain(others).collect()
    };
    Plot::Lines(Lines {
        title: "Entries a second into a growing log".to_owned(),
        along: "rows in the log",
        unit: "% of the empty log",
        lines: vec![
            ("the writer".to_owned(), line(WRITER_EMPTY, WRITER_LARGE)),
            ("COPY into a plain table".to_owned(), line(PLAIN_EMPTY, PLAIN_LARGE)),
        ],
    })
}

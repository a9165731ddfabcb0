//! What the figures of the benches have to reach, and whether they do.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// A figure that has to be reached.
#[derive(Debug)]
struct Bar {
    /// As the bench calls it.
    measured: &'static str,
    figure: &'static str,
    bound: Bound,
    /// Where there is none, it has to be bounded by configuration, which the bench asserts.
    must: Option<f64>,
    goal: f64,
    unit: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtLeast,
    AtMost,
}

const fn ratio(measured: &'static str, figure: &'static str, bound: Bound, must: f64, goal: f64) -> Bar {
    Bar { measured, figure, bound, must: Some(must), goal, unit: "" }
}

const BARS: [Bar; 17] = [
    ratio(
        "annotated call",
        "annotated call, three metadata fields, queued, to `#[instrument]` with span-close JSON, non-blocking",
        Bound::AtMost,
        0.5,
        0.3,
    ),
    ratio(
        "store, COPY",
        "store rate, one lane, evidence on, live timestamps, to server-side COPY into the seed's table",
        Bound::AtLeast,
        0.85,
        1.1,
    ),
    ratio("store, INSERT", "same, to one INSERT per call on one connection", Bound::AtLeast, 10.0, 15.0),
    ratio("store, INSERT over 16", "same, to one INSERT per call on 16 connections", Bound::AtLeast, 3.0, 5.0),
    ratio("growth", "same, with 20 million rows stored, to an empty log", Bound::AtLeast, 0.8, 0.95),
    ratio("lanes", "two lanes to one", Bound::AtLeast, 1.5, 1.7),
    ratio("SQLite", "SQLite store, to statements of many rows by hand, the faster of two", Bound::AtLeast, 1.0, 1.5),
    ratio("durable, one task", "`durable` from one task, p50, to a bare commit of one row", Bound::AtMost, 1.5, 1.2),
    ratio("durable, 64 tasks", "`durable` from 64 tasks, entries/s, to `queued`", Bound::AtLeast, 0.5, 0.8),
    Bar {
        measured: "client CPU",
        figure: "CPU of the client for an entry, from its making to the wire",
        bound: Bound::AtMost,
        must: Some(5.0),
        goal: 2.5,
        unit: " µs",
    },
    ratio("bytes", "bytes of an entry on disk, heap and indexes, to the seed's table", Bound::AtMost, 1.15, 1.0),
    Bar {
        measured: "memory",
        figure: "memory above an idle writer's, 3.6 million entries without a database",
        bound: Bound::AtMost,
        must: None,
        goal: 64.0,
        unit: " MiB",
    },
    Bar {
        measured: "reading",
        figure: "worst p99 of the seed's questions and ours, 10 million rows",
        bound: Bound::AtMost,
        must: Some(10.0),
        goal: 3.0,
        unit: " ms",
    },
    ratio("deep page", "median of the page 20,000 pages deep, to that of the first", Bound::AtMost, 1.5, 1.0),
    Bar {
        measured: "overview",
        figure: "longest facets and histogram, 10 million rows",
        bound: Bound::AtMost,
        must: Some(500.0),
        goal: 300.0,
        unit: " ms",
    },
    Bar {
        measured: "first page",
        figure: "the viewer's first page until its entries are there, p99, 10 million rows",
        bound: Bound::AtMost,
        must: Some(300.0),
        goal: 100.0,
        unit: " ms",
    },
    Bar {
        measured: "verify",
        figure: "verified entries a second",
        bound: Bound::AtLeast,
        must: Some(150_000.0),
        goal: 400_000.0,
        unit: "",
    },
];

impl Bar {
    fn is_within(&self, measured: f64, limit: f64) -> bool {
        match self.bound {
            Bound::AtLeast => measured >= limit,
            Bound::AtMost => measured <= limit,
        }
    }

    fn row(&self, measured: Option<f64>) -> String {
        let sign = match self.bound {
            Bound::AtLeast => '≥',
            Bound::AtMost => '≤',
        };
        let limit = |limit: f64| format!("{sign} {limit}{}", self.unit);
        let must = self.must.map_or_else(|| "bounded".to_owned(), limit);
        let (told, met) = match measured {
            None => ("not measured".to_owned(), "unknown"),
            Some(measured) => {
                let met = if self.is_within(measured, self.goal) {
                    "goal"
                } else if self.must.is_none_or(|must| self.is_within(measured, must)) {
                    "must"
                } else {
                    "**no**"
                };
                let places = if measured >= 1_000.0 { 0 } else { 2 };
                (format!("{measured:.places$}{}", self.unit), met)
            }
        };
        format!("| {} | {must} | {} | {told} | {met} |", self.figure, limit(self.goal))
    }
}

/// A table of everything that has to be reached, in Markdown, with what the benches measured.
#[must_use]
pub fn table(measured: &Map<String, Value>) -> String {
    let mut table = "| figure | must | goal | measured | met |\n|---|---|---|---|---|\n".to_owned();
    for bar in &BARS {
        let _ = writeln!(table, "{}", bar.row(measured.get(bar.measured).and_then(Value::as_f64)));
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::table;

    #[test]
    fn a_row_says_whether_goal_or_must_is_met_and_what_was_not_measured() {
        let found = json!({ "lanes": 1.6, "SQLite": 0.9, "client CPU": 2.5, "memory": 70.0, "verify": 149_999.6 });
        let Some(found) = found.as_object() else { unreachable!("it is one") };
        let table = table(found);
        let end = |figure: &str| {
            let line = table.lines().find(|line| line.contains(figure)).unwrap_or_default();
            line.rsplit('|').skip(1).take(2).map(str::trim).collect::<Vec<_>>()
        };
        assert_eq!(end("two lanes"), ["must", "1.60"]);
        assert_eq!(end("SQLite"), ["**no**", "0.90"]);
        assert_eq!(end("CPU of the client"), ["goal", "2.50 µs"]);
        assert_eq!(end("memory"), ["must", "70.00 MiB"]);
        assert_eq!(end("verified"), ["**no**", "150000"]);
        assert_eq!(end("annotated call"), ["unknown", "not measured"]);
        assert_eq!(super::table(&Map::new()).lines().count(), 19);
    }
}

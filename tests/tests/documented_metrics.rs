//! The metrics that the writer publishes are those that are documented, and that the dashboard shows.

use std::collections::BTreeSet;

const CODE: &str = include_str!("../../audit-core/src/metrics.rs");
const TABLE: &str = include_str!("../../docs/metrics.md");
const DASHBOARD: &str = include_str!("../../docs/grafana.json");

/// What the code publishes.
fn published() -> BTreeSet<&'static str> {
    let calls = ["counter!(\"", "gauge!(\"", "histogram!(\""];
    calls.iter().flat_map(|call| CODE.split(call).skip(1)).filter_map(|after| after.split('"').next()).collect()
}

/// The first cells of a table's rows.
fn documented(text: &'static str, begin: &str) -> BTreeSet<&'static str> {
    text.lines().filter_map(|line| line.strip_prefix(begin)?.split('`').next()).collect()
}

#[test]
fn every_metric_is_documented_and_no_other() {
    assert!(published().len() > 10, "{:?}", published());
    assert_eq!(documented(TABLE, "| `"), published());
    assert_eq!(documented(CODE, "//! | `"), published());
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let expressions: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    let words = expressions.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_lowercase() && c != '_'));
    let shown: BTreeSet<_> = words.filter(|word| word.starts_with("audit_")).map(of_prometheus).collect();
    assert_eq!(shown, published());
}

/// The metric to which a series of Prometheus belongs.
fn of_prometheus(series: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|suffix| series.strip_suffix(suffix)).unwrap_or(series)
}

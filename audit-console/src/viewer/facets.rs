//! What to narrow a query by, with how many entries that leaves.

use std::collections::HashMap;

use audit_core::Row;
use audit_core::query::Query;

use super::asked::{Understood, safe};
use super::sample::Sample;
use super::sentence::symbol;
use crate::render::escape::visible;

/// Most values of a facet.
const VALUES: usize = 8;

/// A field with its most frequent values.
#[derive(Debug)]
pub(super) struct Facet {
    pub(super) title: &'static str,
    pub(super) values: Vec<Value>,
    /// How many values are not shown.
    pub(super) others: usize,
}

#[derive(Debug)]
pub(super) struct Value {
    pub(super) label: String,
    pub(super) count: usize,
    pub(super) chosen: bool,
    /// The query with this value, or without it where it was chosen.
    pub(super) address: String,
}

/// A value of a row: how it is shown, and the term that asks for it.
type Field = fn(&Row) -> Option<(String, String)>;

const FIELDS: [(&str, Field); 4] = [
    ("Action", |row| Some((visible(&row.action).into_owned(), term(&Query::new().action(&row.action))))),
    ("Actor", |row| {
        let id = row.actor_id.as_deref()?;
        let word = term(&Query::new().actor(id));
        let word = word.strip_prefix("actor:").unwrap_or(&word);
        Some((visible(id).into_owned(), format!("actor:{}/{word}", row.actor_type)))
    }),
    ("Target type", |row| {
        Some((visible(&row.target_type).into_owned(), term(&Query::new().target_type(&row.target_type))))
    }),
    ("Outcome", |row| {
        Some((format!("{} {}", symbol(row.outcome), row.outcome), term(&Query::new().outcome(row.outcome))))
    }),
];

fn term(query: &Query) -> String {
    safe(&query.filter().to_string())
}

/// The facets of a sample.
pub(super) fn facets(sample: &Sample, query: &Understood) -> Vec<Facet> {
    let facets = FIELDS.into_iter().map(|(title, field)| facet(title, field, sample, query));
    facets.filter(|facet| !facet.values.is_empty()).collect()
}

fn facet(title: &'static str, field: Field, sample: &Sample, query: &Understood) -> Facet {
    let mut counts = HashMap::new();
    for value in sample.rows.iter().filter_map(field) {
        *counts.entry(value).or_insert(0) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    let others = counts.len().saturating_sub(VALUES);
    counts.truncate(VALUES);
    let values = counts.into_iter().map(|((label, term), count)| {
        let chosen = query.has(&term);
        let address = if chosen { query.without(&term) } else { query.with(&term) };
        Value { label, count, chosen, address }
    });
    Facet { title, values: values.collect(), others }
}

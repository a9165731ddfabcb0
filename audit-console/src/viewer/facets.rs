//! What to narrow a query by, with how many entries that leaves.

use audit_core::query::{By, Overview, Query, Tally};
use audit_core::{ActorType, Outcome};

use super::asked::{Understood, safe};
use super::numbers::Precision;
use super::sentence::symbol;
use crate::render::escape::visible;

/// Most values of a facet.
pub(super) const VALUES: usize = 8;

/// A field with its most frequent values.
#[derive(Debug)]
pub(super) struct Facet {
    pub(super) title: &'static str,
    pub(super) values: Vec<Value>,
    /// How many entries have other values, where some have.
    pub(super) others: Option<String>,
}

#[derive(Debug)]
pub(super) struct Value {
    pub(super) label: String,
    pub(super) count: String,
    pub(super) chosen: bool,
    /// The query with this value, or without it where it was chosen.
    pub(super) address: String,
}

/// The facets of what was counted.
pub(super) fn facets(overview: &Overview, query: &Understood) -> Vec<Facet> {
    let precision = Precision::of(overview);
    let facets = overview.tallies.iter().filter_map(|(by, tally)| facet(*by, tally, precision, query));
    facets.filter(|facet| !facet.values.is_empty()).collect()
}

fn facet(by: By, tally: &Tally, precision: Precision, query: &Understood) -> Option<Facet> {
    let title = match by {
        By::Action => "Action",
        By::Actor => "Actor",
        By::TargetType => "Target type",
        By::Outcome => "Outcome",
        _ => return None,
    };
    let values = tally.counts.iter().filter_map(|(value, count)| {
        let (label, term) = told(by, value.as_deref()?)?;
        let chosen = query.has(&term);
        let address = if chosen { query.without(&term) } else { query.with(&term) };
        Some(Value { label, count: precision.tell(*count), chosen, address })
    });
    let others = Some(tally.others).filter(|others| *others > 0).map(|others| precision.tell(others));
    Some(Facet { title, values: values.collect(), others })
}

/// How a value is shown, and the term that asks for it.
pub(super) fn told(by: By, value: &str) -> Option<(String, String)> {
    let label = || visible(value).into_owned();
    Some(match by {
        By::Action => (label(), term(&Query::new().action(value))),
        By::Actor => {
            let (kind, id) = value.split_once(':')?;
            let kind: ActorType = kind.parse().ok()?;
            let word = term(&Query::new().actor(id));
            let word = word.strip_prefix("actor:").unwrap_or(&word);
            (visible(id).into_owned(), format!("actor:{kind}/{word}"))
        }
        By::TargetType => (label(), term(&Query::new().target_type(value))),
        By::Outcome => {
            let outcome: Outcome = value.parse().ok()?;
            (format!("{} {outcome}", symbol(outcome)), term(&Query::new().outcome(outcome)))
        }
        _ => return None,
    })
}

fn term(query: &Query) -> String {
    safe(&query.filter().to_string())
}

//! What stands beside the entries: how many there are, when they were, what to narrow the query by.

use std::time::Duration;

use askama::Template;
use audit_core::query::{Basis, Overview, Query};
use audit_core::{AuditAction, Outcome, catalog};
use tokio::time::timeout;

use super::Log;
use super::asked::Understood;
use super::facets::{self, Facet};
use super::histogram::{self, Histogram};
use super::numbers::Precision;

/// Fields and values that the query box offers.
const FIELDS: [&str; 12] = [
    "actor:",
    "action:",
    "target:",
    "target_type:",
    "request:",
    "tenant:",
    "ip:",
    "error:",
    "metadata.",
    "created:>=24h",
    "created:>=7d",
    "actor_type:api_key",
];

/// How long it may take, also while others ask.
const LIMIT: Duration = Duration::from_secs(2);

/// The piece of the page behind its entries.
#[derive(Template)]
#[template(path = "beside.html")]
pub(super) struct Beside {
    /// `312 entries`, `about 1,200,000 entries`.
    total: String,
    /// Of which entries the rest is told.
    base: String,
    facets: Vec<Facet>,
    histogram: Option<Histogram>,
    /// What the query box offers.
    offers: Vec<String>,
}

impl Beside {
    /// Counts for a glance; people do not wait for it.
    pub(super) async fn of(log: &Log, query: &Understood) -> Self {
        let asked = Query::from(query.filter.clone());
        let overview = timeout(LIMIT, log.beside.overview(&asked, histogram::BARS, facets::VALUES));
        let (overview, offers) = tokio::join!(overview, offers(log));
        let why = match overview {
            Ok(Ok(overview)) => return Self::told(&overview, query, offers),
            Ok(Err(error)) if error.is_permission_denied() => "this viewer may not read the log",
            _ => "the log gave no answer in time",
        };
        let base = format!("Nothing was counted: {why}.");
        Self { total: String::new(), base, facets: Vec::new(), histogram: None, offers }
    }

    fn told(overview: &Overview, query: &Understood, offers: Vec<String>) -> Self {
        let number = overview.total.number();
        let told = Precision::of(overview).tell(number);
        let entries = if number == 1 { "entry" } else { "entries" };
        let (total, base) = match overview.basis {
            Basis::Newest(_) => {
                (format!("more than {told} {entries}"), format!("Counted over the newest {told} that match."))
            }
            Basis::Parts => {
                let base = "Estimated from parts of the time.".to_owned();
                (format!("about {} {entries}", told.trim_start_matches('~')), base)
            }
            _ => (format!("{told} {entries}"), format!("Counted over all {told} that match.")),
        };
        Self {
            total,
            base,
            facets: facets::facets(overview, query),
            histogram: histogram::histogram(overview, query),
            offers,
        }
    }
}

/// What the query box offers: fields, and values that the log or the catalog has.
pub(super) async fn offers(log: &Log) -> Vec<String> {
    let fields = FIELDS.into_iter().map(str::to_owned);
    let outcomes = Outcome::ALL.into_iter().map(|outcome| format!("outcome:{outcome}"));
    let mut values = log.known.terms().await;
    values.extend(catalog::list::<AuditAction>().into_iter().map(|action| format!("action:{}", action.name)));
    fields.chain(outcomes).chain(values).collect()
}

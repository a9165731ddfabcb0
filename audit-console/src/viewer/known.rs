//! The values that a log has, for the query box to offer.

use std::collections::BTreeSet;
use std::time::Duration;

use audit_core::query::{By, Query, Reader};
use audit_core::store::{Schema, StoreError};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::facets;

/// How long the log is looked at for its values.
const GLANCE: Duration = Duration::from_millis(200);
/// How long it may take to answer.
const LIMIT: Duration = Duration::from_secs(1);
/// How long its values are remembered.
const AGE: Duration = Duration::from_mins(1);
/// Most values of a field, the most frequent ones.
const VALUES: usize = 50;

/// The terms for the values that a log has of actor, action and target type; over a connection of its own, so that nothing waits
/// for it.
#[derive(Debug)]
pub(super) struct Known {
    reader: Reader,
    last: Mutex<Option<(Instant, BTreeSet<String>)>>,
}

impl Known {
    pub(super) async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        let reader = Reader::connect(url, schema).await?.with_patience(GLANCE);
        Ok(Self { reader, last: Mutex::new(None) })
    }

    /// The terms, as they were at most a minute ago. While the log does not answer, those that were known before.
    pub(super) async fn terms(&self) -> BTreeSet<String> {
        let mut last = self.last.lock().await;
        if let Some((seen, terms)) = &*last
            && seen.elapsed() < AGE
        {
            return terms.clone();
        }
        let terms = match timeout(LIMIT, self.look()).await {
            Ok(Ok(terms)) => terms,
            // It is not asked again at once.
            _ => last.take().map(|(_, terms)| terms).unwrap_or_default(),
        };
        *last = Some((Instant::now(), terms.clone()));
        terms
    }

    async fn look(&self) -> Result<BTreeSet<String>, StoreError> {
        let overview = self.reader.overview(&Query::new(), 1, VALUES).await?;
        let fields = overview.tallies.iter().filter(|(by, _)| matches!(by, By::Actor | By::Action | By::TargetType));
        let values = fields.flat_map(|(by, tally)| {
            tally.counts.iter().filter_map(|(value, _)| Some(facets::told(*by, value.as_deref()?)?.1))
        });
        Ok(values.collect())
    }
}

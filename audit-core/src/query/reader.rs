//! Who answers.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::overview::Most;
use super::sealed::{Frontier, SealedBatch};
use super::{By, Count, Overview, Page, Position, Query, Rows, Tally};
use crate::Row;
use crate::store::{BoxFuture, Schema, StoreError, by_kind};

/// How long one answer may take.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Streams that one statement looks at.
const MOST_STREAMS: usize = 50;

/// How far to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// To the end, or for most of [`TIME_LIMIT`].
    AsFarAsPossible,
    /// No longer than anybody minds.
    Glance,
}

impl Reach {
    pub(super) const fn patience(self) -> Duration {
        match self {
            Self::AsFarAsPossible => Duration::from_secs(5),
            Self::Glance => Duration::from_millis(200),
        }
    }
}

/// What each kind of store does for a reader.
pub(super) trait Source: std::fmt::Debug + Send + Sync {
    fn page<'a>(&'a self, query: &'a Query, patience: Duration) -> BoxFuture<'a, Result<Page, StoreError>>;
    fn count<'a>(&'a self, query: &'a Query, reach: Reach) -> BoxFuture<'a, Result<Count, StoreError>>;
    fn overview<'a>(
        &'a self,
        query: &'a Query,
        most: Most,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Overview, StoreError>>;
    fn tally<'a>(&'a self, query: &'a Query, by: By, most: usize) -> BoxFuture<'a, Result<Tally, StoreError>>;
    /// The batches of the tree from a leaf on, as many as one look gives back, and how many leaves it has.
    fn sealed(&self, from: u64) -> BoxFuture<'_, Result<(Vec<SealedBatch>, u64), StoreError>>;
    /// How far each of these streams is sealed, where any of it is.
    fn frontiers<'a>(&'a self, streams: &'a [Uuid]) -> BoxFuture<'a, Result<Vec<Frontier>, StoreError>>;
    /// When the earliest was stored of those of the newest batches that are not in the tree.
    fn unsealed_since(&self) -> BoxFuture<'_, Result<Option<DateTime<Utc>>, StoreError>>;
}

/// Reads the log of one store over one connection; questions asked at once are answered one after the other.
#[derive(Debug)]
pub struct Reader {
    source: Box<dyn Source>,
    patience: Duration,
}

impl Reader {
    /// Connects to the log at a URL ([`store::open`](crate::store::open) says which there are). The reader's role
    /// suffices, and a file of SQLite has to be there.
    ///
    /// # Errors
    ///
    /// When the URL is no store's, or the store cannot be reached.
    pub async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        by_kind!(url, schema,
            postgres => Ok(Self::of(super::postgres::Postgres::connect(url, schema).await?)),
            sqlite => Ok(Self::of(super::sqlite::Sqlite::connect(url).await?)),
        )
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn of(source: impl Source + 'static) -> Self {
        Self { source: Box::new(source), patience: Self::PATIENCE }
    }

    /// How long rows are searched for one page, unless [`Reader::with_patience`] says otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(2);

    /// How long to search for one page where no index leads to its rows. At least one step is made, and then the page says
    /// [how far](Page::searched_to).
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience.min(Self::PATIENCE);
        self
    }

    /// The rows that a query asks for, in its order.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, its tables are not this program's, or the answer takes longer than 10 seconds.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes the connection; the next question opens another.
    pub async fn page(&self, query: &Query) -> Result<Page, StoreError> {
        self.source.page(query, self.patience).await
    }

    /// How many rows a query has, its limit and cursor aside: [exactly](Count::Exact), or, where that takes more than five
    /// seconds, [at least](Count::AtLeast).
    ///
    /// # Errors
    ///
    /// As [`Reader::page`].
    ///
    /// # Cancellation
    ///
    /// As [`Reader::page`].
    pub async fn count(&self, query: &Query) -> Result<Count, StoreError> {
        self.source.count(&query.whole(), Reach::AsFarAsPossible).await
    }

    /// About how many rows a query has, its limit and cursor aside: [exactly](Count::Exact) where that takes a fifth of a
    /// second, otherwise [judged](Count::Estimated) by the newest that could be counted in that time.
    ///
    /// # Errors
    ///
    /// As [`Reader::page`].
    ///
    /// # Cancellation
    ///
    /// As [`Reader::page`].
    pub async fn estimate(&self, query: &Query) -> Result<Count, StoreError> {
        self.source.count(&query.whole(), Reach::Glance).await
    }

    /// How many rows of a query there are of each kind, its limit and cursor aside; the `most` frequent ones. The newest rows
    /// are counted first, and where that takes more than five seconds, the tally says [how far](Tally::counted_to) it came.
    ///
    /// # Errors
    ///
    /// As [`Reader::page`].
    ///
    /// # Cancellation
    ///
    /// As [`Reader::page`].
    pub async fn tally(&self, query: &Query, by: By, most: usize) -> Result<Tally, StoreError> {
        self.source.tally(&query.whole(), by, most).await
    }

    /// What the rows of a query are like, its limit and cursor aside: when they were, in at most `bars` bars (and not fewer than
    /// three), and how many there are of each kind, the `values` most frequent ones. Takes about as long as rows are
    /// [searched](Reader::with_patience); what cannot be counted in that time is [judged](super::Basis::Parts) by parts of it.
    ///
    /// # Errors
    ///
    /// As [`Reader::page`].
    ///
    /// # Cancellation
    ///
    /// As [`Reader::page`].
    pub async fn overview(&self, query: &Query, bars: usize, values: usize) -> Result<Overview, StoreError> {
        self.source.overview(&query.whole(), Most { bars, values }, self.patience).await
    }

    /// All rows of a query, its limit aside, one after the other.
    #[must_use]
    pub fn rows(&self, query: Query) -> Rows<'_> {
        Rows::new(self, query)
    }

    /// The position behind everything that is sealed by now, from which [`Follow`](super::Follow) gives what comes later.
    ///
    /// # Errors
    ///
    /// As [`Reader::page`].
    ///
    /// # Cancellation
    ///
    /// As [`Reader::page`].
    pub async fn end(&self) -> Result<Position, StoreError> {
        // Nothing is there, which costs nothing.
        let (_, end) = self.source.sealed(u64::MAX).await?;
        Ok(Position::at(end))
    }

    /// Since when batches wait to be sealed, as far as the newest hundred tell; `None` where they all are. After more than a few
    /// seconds nobody seals, and who [follows](super::Follow) the log does not see what is new.
    ///
    /// # Errors
    ///
    /// As [`Reader::page`].
    ///
    /// # Cancellation
    ///
    /// As [`Reader::page`].
    pub async fn unsealed_since(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.source.unsealed_since().await
    }

    /// Of each row, whether its batch is in the tree, judged by how far its stream is sealed. That it is as it was sealed, a
    /// [proof](crate::verify::prove) tells.
    ///
    /// # Errors
    ///
    /// As [`Reader::page`].
    ///
    /// # Cancellation
    ///
    /// As [`Reader::page`].
    pub async fn are_sealed(&self, rows: &[Row]) -> Result<Vec<bool>, StoreError> {
        let streams: BTreeSet<_> = rows.iter().map(|row| row.stream_id).collect();
        let mut frontiers = HashMap::new();
        for streams in Vec::from_iter(streams).chunks(MOST_STREAMS) {
            let sealed = self.source.frontiers(streams).await?;
            frontiers.extend(sealed.into_iter().map(|frontier| (frontier.stream_id, frontier.seq)));
        }
        let is_sealed = |row: &Row| frontiers.get(&row.stream_id).is_some_and(|seq| row.seq < *seq);
        Ok(rows.iter().map(is_sealed).collect())
    }

    pub(super) async fn sealed(&self, from: u64) -> Result<(Vec<SealedBatch>, u64), StoreError> {
        self.source.sealed(from).await
    }

    /// The row of this id.
    ///
    /// # Errors
    ///
    /// As [`Reader::page`].
    ///
    /// # Cancellation
    ///
    /// As [`Reader::page`].
    pub async fn find(&self, id: Uuid) -> Result<Option<Row>, StoreError> {
        // An id is made when its row is, so that it says where to look first.
        let made = id.get_timestamp().and_then(|made| DateTime::from_timestamp(made.to_unix().0.try_into().ok()?, 0));
        if let Some(made) = made {
            let near = Query::by_id(id).since(made - TimeDelta::seconds(1)).until(made + TimeDelta::seconds(2));
            if let Some(row) = self.page(&near).await?.rows.pop() {
                return Ok(Some(row));
            }
        }
        Ok(self.page(&Query::by_id(id)).await?.rows.pop())
    }
}

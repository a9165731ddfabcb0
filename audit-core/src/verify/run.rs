//! One look at everything.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::vec;

use chrono::{DateTime, Utc};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::chain::Chain;
use super::checkpoints::Checkpoints;
use super::prunings::Prunings;
use super::scope::Scope;
use super::silence::Silences;
use super::source::{self, Source, StoredHeader, TimedLeaf};
use super::sweep::Sweep;
use super::tree::{self, Leaves};
use super::twice::Sum;
use super::{Break, Progress, Report, SavedCheckpoint, signatures};
use crate::batch::{HeaderKind, LATE_AFTER};
use crate::signing::TrustedKeys;
use crate::store::{ErrorClass, Schema, StoreError};

/// So many pages of rows are in memory: enough that two are decoded while the oldest is waited for, or the next.
const MOST_PAGES: usize = 4;

/// Computes the whole log at a URL again and compares, trusting nobody's key: [`Verifier`] with nothing said.
///
/// # Errors
///
/// As [`Verifier::run`].
///
/// # Cancellation
///
/// As [`Verifier::run`].
pub async fn verify(url: &str, schema: &Schema, watch: impl FnMut(Progress)) -> Result<Report, StoreError> {
    Verifier::new(url, schema).run(watch).await
}

/// Computes a log again and compares.
#[must_use = "it looks at nothing before `run`"]
pub struct Verifier<'a> {
    url: &'a str,
    schema: &'a Schema,
    keys: TrustedKeys,
    saved: Option<SavedCheckpoint>,
    scope: Scope,
}

impl<'a> Verifier<'a> {
    /// Looks at the log at a URL. Nothing is opened yet.
    pub fn new(url: &'a str, schema: &'a Schema) -> Self {
        Self { url, schema, keys: TrustedKeys::default(), saved: None, scope: Scope::default() }
    }

    /// Whose signatures count; nobody's unless said, and then roots and chains are compared and signatures are not. Once a key
    /// of the log is trusted, each checkpoint has to be signed by it, and there has to be one; once a writer's is, each
    /// header has to be signed.
    pub fn trusting(mut self, keys: TrustedKeys) -> Self {
        self.keys = keys;
        self
    }

    /// What the verifier kept of an earlier look, [`Report::head`]: the log has to contain it, unchanged.
    pub fn against(mut self, saved: SavedCheckpoint) -> Self {
        self.saved = Some(saved);
        self
    }

    /// Looks only at the rows of batches that hold any created then or later. Headers, tree and checkpoints are looked at
    /// whole.
    pub const fn since(mut self, time: DateTime<Utc>) -> Self {
        self.scope.since = Some(time);
        self
    }

    /// Looks only at the rows of this stream. Headers, tree and checkpoints are looked at whole.
    pub const fn stream(mut self, stream_id: Uuid) -> Self {
        self.scope.stream = Some(stream_id);
        self
    }

    /// Looks. The reader's role suffices. It reads one snapshot: what is recorded meanwhile is looked at the next time. `watch`
    /// hears how far it is, every few thousand rows.
    ///
    /// That something is broken is no error; the [`Report`] says so.
    ///
    /// # Errors
    ///
    /// When the log cannot be read: then nobody knows whether it is intact.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes the connection, and nothing else happens.
    pub async fn run(self, mut watch: impl FnMut(Progress)) -> Result<Report, StoreError> {
        let mut source = source::open(self.url, self.schema, &self.scope).await?;
        let mut report = Report::default();
        for found in source.tables().await? {
            report.add(found);
        }
        let (by_stream, mut by_time) = Sum::pair();
        let (headers_by_stream, leaves_by_stream) =
            headers(&mut *source, &self.keys, &self.scope, by_stream.clone(), &mut report).await?;
        let mut checkpoints = Checkpoints::new(&self.keys, self.saved.as_ref());
        let mut prunings = Prunings::read(&mut *source, &self.keys, &mut report).await?;
        let leaves_in_order = tree::grow(&mut *source, &mut checkpoints, &mut prunings, by_stream, &mut report).await?;
        let mut sweep = Sweep::new(self.scope, prunings);
        dead_letters(&mut *source, &mut sweep, &mut report).await?;
        rows(&mut *source, sweep, &mut by_time, &mut report, &mut watch).await?;
        let is_whole_tree = !report.breaks.iter().any(|found| matches!(found, Break::BrokenTree { .. }));
        if is_whole_tree && leaves_by_stream != leaves_in_order {
            report.add(Break::TwoFaced { table: "audit_tree" });
        }
        if headers_by_stream != by_time {
            report.add(Break::TwoFaced { table: "audit_batches" });
        }
        if !self.scope.is_partial() && source.count().await? != report.entries {
            report.add(Break::TwoFaced { table: "audit_logs" });
        }
        source.close().await;
        Ok(report)
    }
}

async fn dead_letters(source: &mut dyn Source, sweep: &mut Sweep, report: &mut Report) -> Result<(), StoreError> {
    loop {
        let letters = source.dead_letters().await?;
        if letters.is_empty() {
            return Ok(());
        }
        report.dead_letters += letters.len() as u64;
        for letter in letters {
            sweep.take_dead_letter(letter);
        }
    }
}

async fn headers(
    source: &mut dyn Source,
    keys: &TrustedKeys,
    scope: &Scope,
    mut sum: Sum,
    report: &mut Report,
) -> Result<(Sum, Sum), StoreError> {
    let newest = source.newest_checkpoint().await?;
    let (mut chain, mut leaves) = (Chain::default(), Leaves::new(sum.clone(), newest.as_ref()));
    let mut silences = Silences::until(Utc::now());
    loop {
        let page = source.headers().await?;
        if page.is_empty() {
            silences.finish(report);
            return Ok((sum, leaves.finish(source, report).await?));
        }
        for header in page {
            match header {
                Ok(stored) => {
                    if scope.covers(&stored.header) {
                        stored.add_to(&mut sum);
                    }
                    chain.take(&stored.header, scope, report);
                    silences.take(&stored);
                    leaves.take(&stored, source, report).await?;
                    signatures::take(&stored, keys, report);
                    if stored.header.kind == HeaderKind::Import {
                        report.imported += u64::from(stored.header.n.unsigned_abs());
                    }
                    report.late_batches +=
                        u64::from(stored.db_time.signed_duration_since(stored.header.writer_time) > LATE_AFTER);
                }
                Err(unreadable) => report.add(unreadable),
            }
        }
    }
}

/// Pages are decoded and hashed on other threads, while the next one is fetched.
async fn rows(
    source: &mut dyn Source,
    mut sweep: Sweep,
    sum: &mut Sum,
    report: &mut Report,
    watch: &mut impl FnMut(Progress),
) -> Result<(), StoreError> {
    let mut headers = HeadersInTime::new(sweep.expects_pruned_leaves());
    let mut pages = VecDeque::new();
    let mut is_end = false;
    loop {
        if !is_end && pages.len() < MOST_PAGES {
            match source.rows().await? {
                Some(page) => pages.push_back(spawn_blocking(page)),
                None => is_end = true,
            }
            continue;
        }
        let Some(page) = pages.pop_front() else { break };
        let decoded = page.await.map_err(|error| {
            StoreError::new(ErrorClass::Operator, "cannot verify the log", "a row could not be decoded")
                .with_source(error)
        })?;
        for row in decoded {
            report.entries += 1;
            match row {
                Ok(row) => {
                    headers.open_until(&row.created_at, source, &mut sweep, sum, report).await?;
                    sweep.take(row, report);
                }
                Err(unreadable) => report.add(unreadable),
            }
        }
        let promised = report.promised.saturating_sub(report.pruned());
        watch(Progress { entries: report.entries, promised });
    }
    while let Some(stored) = headers.next(source).await? {
        stored.add_to(sum);
        headers.open(stored, source, &mut sweep, report).await?;
    }
    sweep.finish(report);
    Ok(())
}

/// Headers by the time of their first row. What of them cannot be read was reported when they were read first.
struct HeadersInTime {
    page: Peekable<vec::IntoIter<Result<StoredHeader, Break>>>,
    /// Leaves of pruned rows, by the time of their batch; whether more may come.
    pruned: Peekable<vec::IntoIter<TimedLeaf>>,
    more_pruned: bool,
}

impl HeadersInTime {
    fn new(more_pruned: bool) -> Self {
        Self { page: Vec::new().into_iter().peekable(), pruned: Vec::new().into_iter().peekable(), more_pruned }
    }

    /// Opens a batch, with the leaves of its pruned rows.
    async fn open(
        &mut self,
        stored: StoredHeader,
        source: &mut dyn Source,
        sweep: &mut Sweep,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        loop {
            if self.pruned.peek().is_none() && self.more_pruned {
                self.pruned = source.pruned_leaves_in_time().await?.into_iter().peekable();
                self.more_pruned = self.pruned.peek().is_some();
            }
            let Some((_, leaf)) = self.pruned.next_if(|(time, _)| *time <= stored.header.first_created) else { break };
            sweep.take_pruned_leaf(leaf);
        }
        sweep.open(stored, report);
        Ok(())
    }

    async fn open_until(
        &mut self,
        time: &DateTime<Utc>,
        source: &mut dyn Source,
        sweep: &mut Sweep,
        sum: &mut Sum,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        while self.fill(source).await? {
            match self.page.next_if(|next| next.as_ref().map_or(true, |stored| stored.header.first_created <= *time)) {
                Some(Ok(stored)) => {
                    stored.add_to(sum);
                    self.open(stored, source, sweep, report).await?;
                }
                Some(Err(_)) => {}
                None => break,
            }
        }
        Ok(())
    }

    async fn next(&mut self, source: &mut dyn Source) -> Result<Option<StoredHeader>, StoreError> {
        while self.fill(source).await? {
            if let Some(Ok(stored)) = self.page.next() {
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }

    /// Whether there is one more.
    async fn fill(&mut self, source: &mut dyn Source) -> Result<bool, StoreError> {
        if self.page.peek().is_none() {
            self.page = source.headers_in_time().await?.into_iter().peekable();
        }
        Ok(self.page.peek().is_some())
    }
}

//! One look at everything.

use std::iter::Peekable;
use std::vec;

use tokio::task::spawn_blocking;

use super::chain::Chain;
use super::source::{self, Source, StoredHeader};
use super::sweep::Sweep;
use super::{Break, Progress, Report};
use crate::store::{ErrorClass, Schema, StoreError};

/// Computes the whole log at a URL again and compares. The reader's role suffices. It reads one snapshot: what is recorded
/// meanwhile is looked at the next time. `watch` hears how far it is, every few thousand rows.
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
pub async fn verify(url: &str, schema: &Schema, mut watch: impl FnMut(Progress)) -> Result<Report, StoreError> {
    let mut source = source::open(url, schema).await?;
    let mut report = Report::default();
    let mut sweep = Sweep::default();
    dead_letters(&mut *source, &mut sweep, &mut report).await?;
    headers(&mut *source, &mut report).await?;
    rows(&mut *source, sweep, &mut report, &mut watch).await?;
    source.close().await;
    Ok(report)
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

async fn headers(source: &mut dyn Source, report: &mut Report) -> Result<(), StoreError> {
    let mut chain = Chain::default();
    loop {
        let page = source.headers().await?;
        if page.is_empty() {
            return Ok(());
        }
        for header in page {
            match header {
                Ok(stored) => chain.take(&stored.header, report),
                Err(unreadable) => report.add(unreadable),
            }
        }
    }
}

/// While a page is decoded and hashed on another thread, the next one is fetched.
async fn rows(
    source: &mut dyn Source,
    mut sweep: Sweep,
    report: &mut Report,
    watch: &mut impl FnMut(Progress),
) -> Result<(), StoreError> {
    let mut headers = HeadersInTime { page: Vec::new().into_iter().peekable() };
    let mut next = source.rows().await?;
    while let Some(page) = next {
        let decoded = spawn_blocking(page);
        let fetched = source.rows().await;
        let decoded = decoded.await.map_err(|error| {
            StoreError::new(ErrorClass::Operator, "cannot verify the log", "a row could not be decoded")
                .with_source(error)
        })?;
        next = fetched?;
        for row in decoded {
            report.entries += 1;
            match row {
                Ok(row) => {
                    headers.open_until(&row.created_at, source, &mut sweep, report).await?;
                    sweep.take(&row, report);
                }
                Err(unreadable) => report.add(unreadable),
            }
        }
        watch(Progress { entries: report.entries, promised: report.promised });
    }
    while let Some(stored) = headers.next(source).await? {
        sweep.open(stored, report);
    }
    sweep.finish(report);
    Ok(())
}

/// Headers by the time of their first row. What of them cannot be read was reported when they were read first.
struct HeadersInTime {
    page: Peekable<vec::IntoIter<Result<StoredHeader, Break>>>,
}

impl HeadersInTime {
    async fn open_until(
        &mut self,
        time: &chrono::DateTime<chrono::Utc>,
        source: &mut dyn Source,
        sweep: &mut Sweep,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        while self.fill(source).await? {
            match self.page.next_if(|next| next.as_ref().map_or(true, |stored| stored.header.first_created <= *time)) {
                Some(Ok(stored)) => sweep.open(stored, report),
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

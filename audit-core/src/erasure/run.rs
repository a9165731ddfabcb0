//! One erasure, from the rows that are asked for to what is recorded of it.

use uuid::Uuid;

use super::compute::{Change, change};
use super::place::{self, Place};
use super::{ErasureError, Field};
use crate::catalog::SystemAction;
use crate::encoding::row_leaf;
use crate::query::{Query, Reader};
use crate::store::{ErrorClass, Schema, StoreError};
use crate::{Actor, Auditor, Entry, Outcome, Row};

/// How often a row is looked at again that somebody else changes at the same time.
const TURNS: usize = 5;

/// Which fields are erased, why, and by whom.
#[derive(Debug, Clone)]
#[must_use = "nothing is erased before it is said of which rows"]
pub struct Erasure<'a> {
    url: &'a str,
    schema: &'a Schema,
    fields: Vec<Field>,
    reason: String,
    by: Option<Actor>,
}

/// What was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erased {
    /// Rows that hold less now.
    pub rows: u64,
    /// Rows that were looked at and had no value in any of the fields, ids that the log does not have included.
    pub untouched: u64,
    /// Partitions whose files still hold what was erased, because only who owns them may vacuum them.
    pub to_vacuum: Vec<String>,
}

impl<'a> Erasure<'a> {
    /// Most rows that one entry `audit.redacted` names; of more, there are several.
    pub const ROWS_PER_ENTRY: usize = 500;

    /// Erases these fields in the log at a URL. Nothing is opened yet. In PostgreSQL the user needs the roles `audit_admin` and
    /// `audit_reader`; the reason goes into the log, and must not name what is erased.
    pub fn new(
        url: &'a str,
        schema: &'a Schema,
        fields: impl IntoIterator<Item = Field>,
        reason: impl Into<String>,
    ) -> Self {
        Self { url, schema, fields: fields.into_iter().collect(), reason: reason.into(), by: None }
    }

    /// Who does it; the [context](crate::context)'s actor unless said.
    pub fn by(mut self, actor: Actor) -> Self {
        self.by = Some(actor);
        self
    }

    /// Erases the fields in the rows of these ids. `watch` hears how many rows are done.
    ///
    /// # Errors
    ///
    /// When a row is under legal hold or is not as it was frozen, when nothing can be recorded, and when the store fails. What was
    /// erased before stays erased, and is recorded.
    ///
    /// # Cancellation
    ///
    /// Each row is erased whole or not at all; the log then tells of an attempt that was cancelled.
    pub async fn rows(
        &self,
        ids: &[Uuid],
        auditor: &Auditor,
        mut watch: impl FnMut(u64),
    ) -> Result<Erased, ErasureError> {
        let mut place = place::open(self.url, self.schema).await?;
        let mut erased = Erased::default();
        for some in ids.chunks(Self::ROWS_PER_ENTRY) {
            self.erase(&mut *place, some, auditor, &mut erased).await?;
            watch(erased.rows);
        }
        self.end(place, erased).await
    }

    /// Erases the fields in all rows that a query has, its limit and cursor aside. `watch` hears how many rows are done.
    ///
    /// # Errors
    ///
    /// As [`Self::rows`].
    ///
    /// # Cancellation
    ///
    /// As [`Self::rows`].
    pub async fn rows_of(
        &self,
        query: &Query,
        auditor: &Auditor,
        mut watch: impl FnMut(u64),
    ) -> Result<Erased, ErasureError> {
        let mut place = place::open(self.url, self.schema).await?;
        let reader = Reader::connect(self.url, self.schema).await?;
        let mut erased = Erased::default();
        let most = u32::try_from(Self::ROWS_PER_ENTRY).unwrap_or(u32::MAX);
        let mut query = query.clone().limit(most);
        loop {
            let page = reader.page(&query).await?;
            let ids: Vec<_> = page.rows.iter().map(|row| row.id).collect();
            self.erase(&mut *place, &ids, auditor, &mut erased).await?;
            watch(erased.rows);
            let Some(next) = page.next else { break };
            query = query.after(next);
        }
        self.end(place, erased).await
    }

    async fn end(&self, mut place: Box<dyn Place>, mut erased: Erased) -> Result<Erased, ErasureError> {
        erased.to_vacuum = place.forget().await?;
        place.close().await;
        Ok(erased)
    }

    /// What one entry tells of.
    async fn erase(
        &self,
        place: &mut dyn Place,
        ids: &[Uuid],
        auditor: &Auditor,
        erased: &mut Erased,
    ) -> Result<(), ErasureError> {
        let mut changes = Vec::new();
        for id in ids {
            match self.look(place, *id).await? {
                Some(found) => changes.push(found),
                None => erased.untouched += 1,
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let attempt = auditor.attempt(self.entry(&changes)).await.map_err(ErasureError::NotRecorded)?;
        let before = erased.rows;
        for (row, change) in changes {
            if let Err(error) = self.change(place, row, change, erased).await {
                let told = format!("{} of the rows were erased: {error}", erased.rows - before);
                attempt.fail(told).await.map_err(ErasureError::EndNotRecorded)?;
                return Err(error);
            }
        }
        attempt.end(Outcome::Success).await.map_err(ErasureError::EndNotRecorded)?;
        Ok(())
    }

    /// What is to be done to a row; nothing where there is nothing to do.
    async fn look(&self, place: &mut dyn Place, id: Uuid) -> Result<Option<(Row, Change)>, ErasureError> {
        let Some(row) = place.row(id).await? else { return Ok(None) };
        if row_leaf(&row).is_none() {
            return Err(ErasureError::Broken { id });
        }
        let Some(change) = change(&row, &self.fields) else { return Ok(None) };
        if let Some(hold) = place.hold(&row).await? {
            return Err(ErasureError::Held { id, hold });
        }
        Ok(Some((row, change)))
    }

    async fn change(
        &self,
        place: &mut dyn Place,
        mut row: Row,
        mut change: Change,
        erased: &mut Erased,
    ) -> Result<(), ErasureError> {
        for _ in 0..TURNS {
            if place.change(&row, &change).await? {
                erased.rows += 1;
                return Ok(());
            }
            // Somebody else erased something of it, or all.
            match self.look(place, row.id).await? {
                Some(found) => (row, change) = found,
                None => return Ok(()),
            }
        }
        let reason = format!("entry {} changes again and again", row.id);
        Err(StoreError::new(ErrorClass::Transient, "cannot erase values", reason).into())
    }

    fn entry(&self, changes: &[(Row, Change)]) -> Entry {
        let ids = changes.iter().map(|(row, _)| row.id.to_string()).collect();
        let mut fields: Vec<_> =
            changes.iter().flat_map(|(_, change)| &change.fields).map(ToString::to_string).collect();
        fields.sort_unstable();
        fields.dedup();
        let action = SystemAction::AuditRedacted { ids, fields, reason: self.reason.clone() };
        let entry = Entry::builder(action);
        match &self.by {
            Some(actor) => entry.actor(actor.clone()).build(),
            None => entry.build(),
        }
    }
}

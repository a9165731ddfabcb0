//! An import at work.

use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use super::ids::Ids;
use super::place::{self, Key, Place};
use super::source::Source;
use super::{Fate, ImportError, Record, Rejection, reading};
use crate::batch::{Draft, Freezer};
use crate::entry::identify;
use crate::signing::Signer;
use crate::store::{self, Connection, Landed, Schema};

/// How rows are imported.
#[derive(Debug)]
#[must_use = "nothing happens before `start`"]
pub struct ImportBuilder<'a> {
    url: &'a str,
    schema: &'a Schema,
    source: Source,
    signer: Option<Arc<dyn Signer>>,
    is_dry: bool,
    most_ids: usize,
    has_unique_ids: bool,
}

impl ImportBuilder<'_> {
    /// How many ids are remembered by default, to find a row whose id another one has: in half a gigabyte at the most.
    pub const DEFAULT_MOST_IDS: usize = 10_000_000;

    /// Lets a key sign each batch.
    pub fn signer(mut self, signer: impl Signer + 'static) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Finds out what would become of each record, and changes nothing.
    pub const fn dry_run(mut self) -> Self {
        self.is_dry = true;
        self
    }

    /// How many ids are remembered, in up to 50 bytes each. A source of more rows has to vouch for [its ids](Self::unique_ids).
    pub const fn most_ids(mut self, most: usize) -> Self {
        self.most_ids = most;
        self
    }

    /// The source vouches that no two of its rows have one id, as [`Table::has_unique_ids`](super::Table::has_unique_ids) says:
    /// none is remembered, and the import needs no more memory for more rows.
    pub const fn unique_ids(mut self) -> Self {
        self.has_unique_ids = true;
        self
    }

    /// Connects, and finds out how far earlier runs came. In PostgreSQL the user needs the roles of a writer, a reader and an
    /// admin; of a reader for a dry run.
    ///
    /// # Errors
    ///
    /// When the log cannot be reached or read.
    ///
    /// # Cancellation
    ///
    /// Nothing happens.
    pub async fn start(self) -> Result<Import, ImportError> {
        let store = store::open(self.url, self.schema)?;
        let mut place = place::connect(self.url, self.schema).await?;
        let stream_id = self.source.stream_id();
        let last = place.last_header(stream_id).await?;
        let connection = if self.is_dry { None } else { Some(store.connect().await?) };
        let freezer = last.map_or_else(|| Freezer::of_stream(stream_id), |last| Freezer::after(&last));
        Ok(Import {
            source: self.source,
            freezer: freezer.signed_by(self.signer),
            place,
            connection,
            ids: Ids::new(self.most_ids, self.has_unique_ids),
        })
    }
}

/// Moves records into the log.
///
/// # Cancellation
///
/// Whatever was landed stays; drop the import, and the next one goes on from there.
pub struct Import {
    source: Source,
    freezer: Freezer,
    place: Box<dyn Place>,
    /// Nothing, where nothing is to be changed.
    connection: Option<Box<dyn Connection>>,
    ids: Ids,
}

impl Import {
    /// An import from the source of this name, which says where rows come from and tells it from other sources: a later run
    /// under the same name goes on with this one.
    pub fn into_log<'a>(url: &'a str, schema: &'a Schema, source: &str) -> ImportBuilder<'a> {
        ImportBuilder {
            url,
            schema,
            source: Source::named(source),
            signer: None,
            is_dry: false,
            most_ids: ImportBuilder::DEFAULT_MOST_IDS,
            has_unique_ids: false,
        }
    }

    /// Takes records, those that are new in one batch, and says what became of each, in their order.
    ///
    /// # Errors
    ///
    /// When the log cannot be read or written, another import of the same source is at work, or there are more ids than may be
    /// remembered. None of these records is
    /// known to be imported then: run the import again.
    pub async fn take(&mut self, records: &[Record]) -> Result<Vec<Fate>, ImportError> {
        self.ids.expect(records.len())?;
        let (_, now) = identify(SystemTime::now());
        let read: Vec<_> = records.iter().map(|record| reading::read(record, &self.source, now)).collect();
        let keys: Vec<Key> = read.iter().flatten().map(|draft| (draft.row.id, draft.row.created_at)).collect();
        let known = self.place.known(self.freezer.stream_id(), &keys).await?;

        let mut drafts = Vec::new();
        let mut decide = |read: Result<Draft, Rejection>| {
            let draft = read?;
            if !self.ids.insert(draft.row.id) {
                return Err(Rejection::Doubled);
            }
            match known.get(&draft.row.id) {
                Some(stream_id) if *stream_id == self.freezer.stream_id() => Ok(Fate::Present),
                Some(_) => Err(Rejection::Elsewhere),
                None => {
                    let is_changed = draft.is_changed;
                    drafts.push(draft);
                    Ok(if is_changed { Fate::ImportedChanged } else { Fate::Imported })
                }
            }
        };
        let fates = read.into_iter().map(|read| decide(read).unwrap_or_else(Fate::Rejected)).collect();
        self.land(drafts, now).await?;
        Ok(fates)
    }

    async fn land(&mut self, drafts: Vec<Draft>, now: DateTime<Utc>) -> Result<(), ImportError> {
        let Some(connection) = self.connection.as_mut().filter(|_| !drafts.is_empty()) else { return Ok(()) };
        let keys: Vec<Key> = drafts.iter().map(|draft| (draft.row.id, draft.row.created_at)).collect();
        self.place.make_room(&keys).await?;
        let mut next = self.freezer.clone();
        match connection.land(&next.freeze_import(drafts, now)).await? {
            Landed::Stored { .. } | Landed::AlreadyStored { .. } => {
                self.freezer = next;
                Ok(())
            }
            Landed::Squatted | Landed::NotLost { .. } => {
                Err(ImportError::AnotherImport { origin: self.source.origin() })
            }
        }
    }

    /// Ends the import, and counts the rows of this source that the log holds.
    ///
    /// # Errors
    ///
    /// When they cannot be counted. They are there all the same.
    pub async fn finish(mut self) -> Result<u64, ImportError> {
        let count = self.place.count(self.freezer.stream_id()).await?;
        self.place.close().await;
        if let Some(connection) = self.connection {
            connection.close().await;
        }
        Ok(count)
    }
}

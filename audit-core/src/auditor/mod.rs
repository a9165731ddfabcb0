//! Takes entries in and answers for them (skeleton: names and signatures are the contract).

use std::time::Duration;

use uuid::Uuid;

use crate::{Entry, Error};

/// Records entries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Auditor(());

#[allow(clippy::unused_async, clippy::unused_self, clippy::needless_pass_by_value, missing_docs, dead_code)]
impl Auditor {
    /// The global auditor, if one was installed.
    #[must_use]
    pub fn global() -> Option<Self> {
        None
    }

    /// Queues an entry and gives back its id.
    pub async fn record(&self, entry: Entry) -> Result<Uuid, Error> {
        Ok(entry.id())
    }

    /// [`Self::record`] for code without async.
    pub fn record_blocking(&self, entry: Entry) -> Result<Uuid, Error> {
        Ok(entry.id())
    }

    /// Waits, within the overflow policy's bounds, for a place in the queue, so that sending never blocks.
    pub(crate) async fn reserve(&self) -> Slot {
        Slot { auditor: self.clone() }
    }

    pub(crate) fn reserve_blocking(&self) -> Slot {
        Slot { auditor: self.clone() }
    }
}

/// A place in the queue; dropping it gives the place back.
#[derive(Debug)]
#[allow(dead_code)]
pub(crate) struct Slot {
    auditor: Auditor,
}

#[allow(clippy::unused_self, clippy::needless_pass_by_value, dead_code)]
impl Slot {
    /// Queues the entry without ever blocking; counts it as dropped where there is no place.
    pub(crate) fn send(self, entry: Entry) {
        drop(entry);
    }
}

/// Keeps the writer alive.
#[must_use = "dropping the guard shuts the writer down"]
#[derive(Debug)]
pub struct WriterGuard(());

#[allow(clippy::unused_async, clippy::unused_self, missing_docs)]
impl WriterGuard {
    pub async fn flush(&self, deadline: Duration) -> Result<(), Error> {
        let _ = deadline;
        Ok(())
    }
}

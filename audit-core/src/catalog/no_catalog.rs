//! What `#[audited]` is checked against where it was imported alone, without the type of its name.

use super::check::{Parts, UNKNOWN};
use super::field::{FieldAt, Unknown};
use super::{ActionInfo, Catalog};
use crate::Metadata;

/// No catalog at all: the one without a table.
#[derive(Debug)]
pub enum __AuditCatalog {}

impl Catalog for __AuditCatalog {
    const PARTS: Parts = &[];

    fn info(&self) -> &'static ActionInfo {
        match *self {}
    }

    fn into_metadata(self) -> Metadata {
        match self {}
    }
}

impl<const ACTION: usize> FieldAt<0, ACTION, UNKNOWN> for __AuditCatalog {
    type Sink = Unknown;
}

//! What `#[audited]` is checked against where it was imported alone, without the type of its name.

use super::check::Parts;
use super::field_at::{NoPage, PageAt};
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

impl<const PAGE: usize> PageAt<0, PAGE> for __AuditCatalog {
    type Page = NoPage;
}

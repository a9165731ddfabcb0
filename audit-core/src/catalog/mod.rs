//! Catalogs of actions (skeleton).

use crate::Metadata;

/// An enum of actions.
pub trait Catalog: 'static {
    /// The tables: this catalog's own actions first, then those of each included catalog.
    const PARTS: &'static [&'static [ActionInfo]];
    /// What the catalog says of this action.
    fn info(&self) -> &'static ActionInfo;
    /// The variant's fields.
    fn into_metadata(self) -> Metadata;
}

/// What a catalog says of an action.
#[derive(Debug)]
pub struct ActionInfo {
    /// FNV-1a of the name, 64 bits; tables are sorted by it.
    pub hash: u64,
    /// The dotted name.
    pub name: &'static str,
    /// The kind of thing it is done to.
    pub target: &'static str,
    /// The variant's doc comment.
    pub description: &'static str,
    /// Whether the metadata is free-form (a unit variant).
    pub free_form: bool,
    /// The metadata fields, in the order of the variant.
    pub fields: &'static [FieldInfo],
}

/// What a catalog says of a metadata field.
#[derive(Debug)]
pub struct FieldInfo {
    /// FNV-1a of the name, 64 bits.
    pub hash: u64,
    /// The name.
    pub name: &'static str,
    /// The type as written.
    pub type_name: &'static str,
    /// Whether it may be left out (an `Option`).
    pub optional: bool,
    /// The field's doc comment.
    pub description: &'static str,
}

/// The action of a name, if the catalog lists it.
#[must_use]
pub fn find<C: Catalog>(name: &str) -> Option<&'static ActionInfo> {
    C::PARTS.iter().flat_map(|part| part.iter()).find(|info| info.name == name)
}

/// The most similar name of the catalog, if any is similar at all.
#[must_use]
pub fn nearest<C: Catalog>(_name: &str) -> Option<&'static str> {
    None
}

/// The built-in catalog.
#[derive(Debug)]
pub enum AuditAction {}
impl Catalog for AuditAction {
    const PARTS: &'static [&'static [ActionInfo]] = &[];
    fn info(&self) -> &'static ActionInfo {
        match *self {}
    }
    fn into_metadata(self) -> Metadata {
        match self {}
    }
}

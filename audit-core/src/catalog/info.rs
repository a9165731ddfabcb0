//! What a catalog says of its actions.

use serde::Serialize;

use crate::{Durability, Metadata};

/// An enum of actions. Derive it; see the [module](crate::catalog) for an example.
///
/// # The derive
///
/// * `#[audit(action = "thing.done", target = "thing")]` on each variant: the action's name
///   (`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`, at most 128 bytes) and its target type.
/// * `durability = "durable"` or `"before"` beside them: the [`Durability`] of the action where nothing else is said.
/// * Named fields are the action's metadata. A field that is an `Option` may be left out. A unit variant
///   takes metadata of any name.
/// * Doc comments of variants and fields are kept as descriptions.
/// * `#[audit(include)] Base(AuditAction)` embeds another catalog, which must not include one itself.
/// * On the enum, `#[audit(attribute = "recorded")]` renames the attribute and its alias, and
///   `#[audit(crate = path)]` says where audit-core is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a catalog of actions",
    label = "no catalog is in scope by this name",
    note = "write `use audit_core::audited;` for the built-in catalog, or `use` the attribute that `#[derive(audit_core::Catalog)]` lays beside your own"
)]
pub trait Catalog: 'static {
    /// The tables: this catalog's own actions first, then those of each included catalog. Each is sorted
    /// by [`ActionInfo::hash`].
    const PARTS: &'static [&'static [ActionInfo]];
    /// What the catalog says of this action.
    fn info(&self) -> &'static ActionInfo;
    /// The variant's fields; an `Option` that is `None` is left out.
    fn into_metadata(self) -> Metadata;
}

/// What a catalog says of an action.
#[derive(Debug, Serialize)]
pub struct ActionInfo {
    /// FNV-1a of the name, 64 bits; tables are sorted by it.
    #[serde(skip)]
    pub hash: u64,
    /// The dotted name.
    pub name: &'static str,
    /// The variant's name.
    #[serde(skip)]
    pub variant: &'static str,
    /// The kind of thing it is done to.
    pub target: &'static str,
    /// The variant's doc comment.
    pub description: &'static str,
    /// Whether the metadata is free-form (a unit variant).
    pub free_form: bool,
    /// What has happened to an entry when its function returns, unless the attribute says otherwise.
    pub durability: Durability,
    /// The metadata fields, in the order of the variant.
    pub fields: &'static [FieldInfo],
}

impl ActionInfo {
    /// What the catalog says of a metadata field of this action.
    pub(crate) fn field(&self, name: &str) -> Option<&'static FieldInfo> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// What a catalog says of a metadata field.
#[derive(Debug, Serialize)]
pub struct FieldInfo {
    /// FNV-1a of the name, 64 bits.
    #[serde(skip)]
    pub hash: u64,
    /// The name.
    pub name: &'static str,
    /// The type as written.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// Whether it may be left out (an `Option`).
    pub optional: bool,
    /// The field's doc comment.
    pub description: &'static str,
}

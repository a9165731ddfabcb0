//! Catalogs: the actions that a program may record, each with its target type and typed metadata.
//!
//! A catalog is an enum with `#[derive(audit_core::Catalog)]`. The derive lays a constant table beside
//! it, and `#[audited]` is checked against that table while the program compiles. [`AuditAction`] is the
//! built-in catalog; a catalog of one's own may include it:
//!
//! ```
//! mod audit {
//!     #[derive(audit_core::Catalog)]
//!     pub enum Action {
//!         /// An invoice was paid back to the customer.
//!         #[audit(action = "invoice.refunded", target = "invoice")]
//!         InvoiceRefunded {
//!             /// How much, in cents.
//!             amount_cents: i64,
//!             reason: Option<String>,
//!         },
//!         #[audit(include)]
//!         Base(audit_core::AuditAction),
//!     }
//! }
//!
//! let info = audit_core::catalog::find::<audit::Action>("invoice.refunded").unwrap();
//! assert_eq!(info.target, "invoice");
//! assert_eq!(info.description, "An invoice was paid back to the customer.");
//! assert!(audit_core::catalog::find::<audit::Action>("project.created").is_some());
//! ```
//!
//! `use crate::audit::audited;` then brings the attribute and the catalog that it checks against.

pub(crate) mod builtin;
pub(crate) mod check;
pub(crate) mod field;
pub(crate) mod field_at;
pub(crate) mod fits;
#[doc(hidden)]
pub mod no_catalog;
pub mod ocsf;
pub mod render;
pub(crate) mod similar;

mod find;
mod info;
mod system;

pub use builtin::AuditAction;
pub use field::{FieldType, RecordAs};
pub use find::{find, list, nearest};
pub use info::{ActionInfo, Catalog, FieldInfo};
pub use system::SystemAction;

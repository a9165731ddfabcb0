//! The `#[audited]` attribute and the `Catalog` derive of audit-core, which re-exports both.
//!
//! Each macro is a pipeline of stages, one file a stage: syntax is read into a model, the model is
//! checked on the way, and a model that stands is expanded without failing. Every stage reports into
//! one [`Ctxt`](ctxt::Ctxt), so that several mistakes show up in one compile.

mod audited;
mod catalog;
mod ctxt;
mod name;

use proc_macro::TokenStream;

/// Makes an enum a catalog of actions; see `audit_core::Catalog`.
#[proc_macro_derive(Catalog, attributes(audit))]
pub fn derive_catalog(input: TokenStream) -> TokenStream {
    catalog::derive(input.into()).into()
}

/// Records each call of a function in the audit log; see `audit_core::audited`.
#[proc_macro_attribute]
pub fn audited(arguments: TokenStream, item: TokenStream) -> TokenStream {
    audited::attribute(arguments.into(), item.into()).into()
}

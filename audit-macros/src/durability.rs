//! Durabilities, as attributes and catalogs write them.

use proc_macro2::Ident;
use syn::LitStr;

use crate::ctxt::Ctxt;
use crate::name;

/// What may be written.
pub(crate) const TO_WRITE: &str = "write `\"queued\"`, `\"durable\"` or `\"before\"`";

/// The variant of `audit_core::Durability` that a literal names.
pub(crate) fn read(ctxt: &Ctxt, literal: &LitStr) -> Option<Ident> {
    let given = literal.value();
    let variant = match given.as_str() {
        "queued" => "Queued",
        "durable" => "Durable",
        "before" => "Before",
        _ => {
            let hint = name::did_you_mean(&given, &["queued", "durable", "before"]);
            ctxt.error(
                literal.span(),
                if hint.is_empty() { TO_WRITE.to_owned() } else { format!("no durability{hint}") },
            );
            return None;
        }
    };
    Some(Ident::new(variant, literal.span()))
}

//! Where the expansions find audit-core.

use syn::{Attribute, Path, parse_quote};

use crate::ctxt::Ctxt;
use crate::outcome;

/// Where it is unless the user says otherwise.
pub(crate) fn usual() -> Path {
    parse_quote!(::audit_core)
}

/// What `#[audit(crate = path)]` on a type says.
pub(crate) fn of_type(ctxt: &Ctxt, attributes: &[Attribute]) -> Path {
    let mut krate = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("audit")) {
        let result = attribute.parse_nested_meta(|meta| {
            // `AuditOutcome` reads them.
            if outcome::MARKS.iter().any(|mark| meta.path.is_ident(mark)) {
                return Ok(());
            }
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown argument; on the type, there is `crate`"));
            }
            if krate.replace(meta.value()?.call(Path::parse_mod_style)?).is_some() {
                return Err(meta.error("this argument is given twice"));
            }
            Ok(())
        });
        ctxt.ok(result);
    }
    krate.unwrap_or_else(usual)
}

//! Functions that cannot be audited, or not like this.

use syn::Attribute;
use syn::spanned::Spanned;

use super::function::Function;
use super::invoked::Invoked;
use crate::ctxt::Ctxt;

/// Reports what makes a function impossible to audit.
pub(super) fn function(ctxt: &Ctxt, invoked: &Invoked, function: &Function) {
    let signature = &function.signature;
    if let Some(token) = &signature.constness {
        ctxt.error(token.span(), "a `const fn` cannot be audited: it may run while the program compiles");
    }
    let own_name = invoked.name();
    let is_ours = |attribute: &&Attribute| attribute.path().segments.last().is_some_and(|last| last.ident == own_name);
    if let Some(second) = function.attributes.iter().find(is_ours) {
        ctxt.error(
            second.path().span(),
            "a function is audited once, because one call is one entry: take one of the attributes away",
        );
    }
    let tracks = |attribute: &&Attribute| attribute.path().is_ident("track_caller");
    if let Some(attribute) = function.attributes.iter().find(tracks)
        && !function.is_async()
    {
        ctxt.error(
            attribute.path().span(),
            "a `#[track_caller]` function cannot be audited: its body would no longer see its caller; audit a function \
             that it calls",
        );
    }
    if let Some(abi) = &signature.abi {
        ctxt.error(abi.span(), "an `extern` function cannot be audited: audit a function that it calls");
    }
}

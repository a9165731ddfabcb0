//! Functions that cannot be audited, or not like this.

use syn::spanned::Spanned;

use super::function::Function;
use crate::ctxt::Ctxt;

/// Reports what makes a function impossible to audit.
pub(super) fn function(ctxt: &Ctxt, function: &Function) {
    let signature = &function.signature;
    if let Some(token) = &signature.constness {
        ctxt.error(token.span(), "a `const fn` cannot be audited: it may run while the program compiles");
    }
    if let Some(abi) = &signature.abi {
        ctxt.error(abi.span(), "an `extern` function cannot be audited: audit a function that it calls");
    }
}

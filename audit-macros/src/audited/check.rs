//! Functions that cannot be audited, or not like this.

use syn::spanned::Spanned;
use syn::{Attribute, Expr};

use super::arguments::Arguments;
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

/// Reports what keeps a success from being written in a transaction.
pub(super) fn transaction(ctxt: &Ctxt, tx: &Expr, arguments: &Arguments, function: &Function) {
    let refuse = |sentence| ctxt.error(tx.span(), sentence);
    if !function.is_async() {
        refuse(
            "`tx` writes the entry after the body has ended, which only an `async fn` can wait for: make this one, or \
             call `audit_core::outbox(&mut tx, entry)` in the body",
        );
    } else if function.never_returns() {
        refuse("`tx` writes the entry of a success, and this function never returns");
    } else if arguments.durability.is_some() {
        refuse("`tx` says when the entry is kept: with its transaction. Take `durability` away, or `tx`");
    } else if arguments.on.as_ref().is_some_and(|on| on.value() == "failure") {
        refuse("`tx` writes the entry of a success, which `on = \"failure\"` leaves out: take one of them away");
    }
}

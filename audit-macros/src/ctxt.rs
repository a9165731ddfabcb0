//! Collects every error of one macro call.

use std::cell::RefCell;
use std::fmt::Display;

use proc_macro2::{Span, TokenStream};

/// Collects every error of one macro call. Whoever makes one must ask for them at the end.
#[derive(Debug, Default)]
pub(crate) struct Ctxt {
    errors: RefCell<Option<syn::Error>>,
}

impl Ctxt {
    /// Reports a mistake at a place in the user's text.
    pub(crate) fn error(&self, at: Span, message: impl Display) {
        self.push(syn::Error::new(at, message));
    }

    /// Reports a mistake that syn found.
    pub(crate) fn push(&self, error: syn::Error) {
        match &mut *self.errors.borrow_mut() {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// The value of a result; its error is reported.
    pub(crate) fn ok<T>(&self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// What was reported, as `compile_error!` calls, or `None` if nothing was.
    pub(crate) fn finish(self) -> Option<TokenStream> {
        self.errors.into_inner().map(|errors| errors.to_compile_error())
    }
}

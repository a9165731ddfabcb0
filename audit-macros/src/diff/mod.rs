//! `#[derive(Diff)]`: model → expand.

mod expand;
mod model;

pub(crate) use model::MARKS;
use proc_macro2::TokenStream;

use crate::ctxt::Ctxt;

/// The derive as a function of token streams.
pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let ctxt = Ctxt::default();
    let model = ctxt.ok(syn::parse2(input)).and_then(|input| model::Compared::read(&ctxt, input));
    match (ctxt.finish(), model) {
        (None, Some(model)) => expand::expand(&model),
        (errors, _) => errors.unwrap_or_default(),
    }
}

//! Where generated tokens stand.
//!
//! The compiler underlines what lies between the first and the last token of a faulty call, so every token
//! of a call that may be faulty stands on the user's own text.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::Path;

/// The place of the user's text, in the name space of the macro.
pub(crate) fn at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// A path whose every token stands at `span`, each in its own name space.
pub(crate) fn path_at(path: &Path, span: Span) -> TokenStream {
    let tokens = path.to_token_stream().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    tokens.collect()
}

/// What the function's expansion calls the part of audit-core that it names.
pub(crate) fn private_at(span: Span) -> Ident {
    Ident::new("__audit", span)
}

/// A local variable that the user's code cannot see.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// [`local`], at the place of the user's text.
pub(crate) fn local_at(name: &str, span: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(span))
}

//! `#[audited]`: syntax ([`arguments`], [`function`]) → [`model`] → [`check`] → [`expand`] and
//! [`run`].

mod arguments;
mod block;
mod check;
mod expand;
mod function;
mod invoked;
mod model;
mod run;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::ToTokens;

use crate::ctxt::Ctxt;

/// The attribute as a function of token streams, and of its own text. When it fails, the item is given back as it
/// was written, so that nothing else breaks.
pub(crate) fn attribute(text: &str, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let invoked = invoked::Invoked::read(text);
    if block::is_block(&item) {
        return block::hand_down(&invoked, &arguments, item);
    }
    let ctxt = Ctxt::default();
    let arguments = arguments::Arguments::read(&ctxt, arguments);
    let function = ctxt.ok(syn::parse2::<function::Function>(item.clone()));
    let model = function.and_then(|function| {
        check::function(&ctxt, &invoked, &function);
        model::Audited::resolve(&ctxt, invoked, arguments, function)
    });
    match (ctxt.finish(), model) {
        (None, Some(model)) => expand::expand(&model),
        (errors, _) => {
            let mut tokens = item;
            errors.to_tokens(&mut tokens);
            tokens
        }
    }
}

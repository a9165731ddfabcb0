//! Functions that cannot be audited, or not like this.

use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound};

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
    if let ReturnType::Type(_, ty) = &signature.output
        && !function.is_async()
        && is_future(ty)
    {
        let message = "this function returns a future, so its call ends before the work begins: make it an `async fn`";
        ctxt.error(ty.span(), message);
    }
}

/// Whether a type is a future as far as its tokens tell.
fn is_future(ty: &Type) -> bool {
    match ty {
        Type::ImplTrait(ty) => ty.bounds.iter().any(is_future_bound),
        Type::TraitObject(ty) => ty.bounds.iter().any(is_future_bound),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            let boxed = last.ident == "Pin" || last.ident == "Box";
            last.ident == "BoxFuture"
                || last.ident == "LocalBoxFuture"
                || (boxed
                    && matches!(&last.arguments, PathArguments::AngleBracketed(arguments)
                        if arguments.args.iter().any(|argument| matches!(argument, GenericArgument::Type(ty) if is_future(ty)))))
        }),
        _ => false,
    }
}

fn is_future_bound(bound: &TypeParamBound) -> bool {
    matches!(bound, TypeParamBound::Trait(bound)
        if bound.path.segments.last().is_some_and(|last| last.ident == "Future"))
}

//! The expansion's second half: running the body, and ending the call.

use std::collections::HashSet;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, Path, PathArguments, ReturnType, Type};

use super::arguments::Source;
use super::expand::{encode, field_name, fields};
use super::function::{Function, Gives};
use super::model::{Audited, TargetId};
use crate::place::{at, local, local_at, private_at};

/// Runs the body, and afterwards captures what was named of its value.
pub(super) fn run(model: &Audited, captures: &TokenStream) -> TokenStream {
    let Audited { function, .. } = model;
    let private = private_at(Span::call_site());
    let (call, value) = (local("call"), local("value"));
    let named = named_in_order_of_drop(model);
    // One block alone where nothing is to be named: the compiler has a type for it at once.
    let plain_body = named.as_ref().map_or_else(|| function.block(), |named| function.block_behind(named));
    let new_call = quote!(#private::Call::new(&__AUDIT_SITE, #captures));
    let gives = function.gives();
    let output = nameable(gives.value());
    // A function that cannot be refused is underlined where it says what it returns.
    let span = at(output_span(function));
    let private = private_at(span);
    let future = |constructor: &str, body: TokenStream, output: &Type, after: &TokenStream| {
        let constructor = Ident::new(constructor, span);
        quote_spanned! {span=>
            #private::#constructor::<#output, _, _, _>(
                #new_call,
                #body,
                #after,
                <__AuditContract as #private::Contract<#output>>::terms()
            )
        }
    };
    match gives {
        Gives::Value(_) if function.is_async() && function.never_returns() => {
            // An async block that never ends has no type of its own.
            let never = syn::parse_quote!(::core::convert::Infallible);
            let told = told_type(function, &never);
            let after = quote!(|#value, _| match *#value {});
            let block = function.block_behind(&quote!(#told #named));
            let future = future("audited_future", quote!(async move #block), &never, &after);
            quote!(match #future.await {})
        }
        Gives::Value(_) if function.is_async() && model.tx.is_some() => in_transaction(model, &new_call, &output),
        Gives::Value(_) if function.is_async() => {
            let told = told_type(function, &output);
            let block = function.block_behind(&quote!(#told #named));
            let future = future("audited_future", quote!(async move #block), &output, &after(model));
            quote!(#future.await)
        }
        Gives::Value(_) if function.never_returns() => {
            let check = quote_spanned!(span=> const _: () = #private::check_endless(__AUDIT_SITE.durability););
            quote!(#check #new_call.run_endless(move || -> ! #plain_body))
        }
        Gives::Value(ty) => {
            let (refuse_future, end) = (refuse_future(model, &ty), end(model));
            let error = local("error");
            let mutability = is_asked(model).then(|| quote!(mut));
            let returned = local("returned");
            let refused = quote_spanned! {span=>
                #private::Terms::refused(
                    &<__AuditContract as #private::Contract<#output>>::terms(),
                    #error
                )
            };
            quote! {
                match #new_call.run(move || -> #output #plain_body) {
                    #private::Ok((#returned, #mutability #call)) => {
                        let #value = &#returned;
                        #refuse_future
                        #end.wait();
                        #returned
                    }
                    #private::Err(#error) => #refused,
                }
            }
        }
        Gives::Future(_) => {
            // A value without a name of its type is known from the body alone.
            let is_named = output == *function.gives().value() && output != syn::parse_quote!(_);
            let constructor = if is_named { "audited_returned" } else { "audited_opaque" };
            future(constructor, quote!(move || #plain_body), &output, &after(model))
        }
        Gives::BoxedFuture(_) => {
            if let Some((boxed, block)) = boxed_block(&function.body) {
                let future = future("audited_future", block, &output, &after(model));
                return quote!(#boxed(#future));
            }
            let boxed = nameable(&function.output());
            let future = future("audited_returned", quote!(move || -> #boxed #plain_body), &output, &after(model));
            quote!(::std::boxed::Box::pin(#future))
        }
    }
}

/// A function drops its arguments from the last to the first; closures and `async` blocks drop what they hold in the
/// order in which they name it. So they name it in that order first, where no code runs and no lint looks.
fn named_in_order_of_drop(model: &Audited) -> Option<TokenStream> {
    let mut owned = model.function.owned();
    if owned.len() < 2 {
        return None;
    }
    let used = words(model.function.body.clone());
    let later: HashSet<_> = of_the_value(model).flat_map(|look| words(look.to_token_stream())).collect();
    owned.retain(|(_, name)| {
        let name = name.unraw().to_string();
        // What nobody uses stays unused, for the compiler to report.
        (used.contains(&name) || name.starts_with('_')) && !later.contains(&name)
    });
    let looks = owned.iter().rev().map(|(attributes, name)| {
        let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
        quote!(#(#conditions)* let _ = &#name;)
    });
    (owned.len() > 1).then(|| {
        quote! {
            #[allow(unreachable_code, clippy::all, clippy::pedantic, clippy::nursery)]
            if false {
                loop {}
                #(#looks)*
            }
        }
    })
}

/// What the attribute asks of the value, after the body.
fn of_the_value(model: &Audited) -> impl Iterator<Item = &Expr> {
    let target_id = match &model.target_id {
        TargetId::Returned(look) => Some(look),
        TargetId::Argument(_) | TargetId::Target(_) | TargetId::ReturnedTarget => None,
    };
    let details = model.metadata.iter().filter_map(|detail| match &detail.source {
        Source::Returned(look, _) => Some(look),
        Source::Argument(..) | Source::Later => None,
    });
    target_id.into_iter().chain(&model.outcome).chain(&model.err).chain(details)
}

/// The words in tokens, those in format strings included.
fn words(tokens: TokenStream) -> HashSet<String> {
    let mut words = HashSet::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => words.extend(self::words(group.stream())),
            TokenTree::Ident(word) => drop(words.insert(word.unraw().to_string())),
            TokenTree::Literal(text) => {
                let text = text.to_string();
                words.extend(text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned));
            }
            TokenTree::Punct(_) => {}
        }
    }
    words
}

/// Runs the body in a block that only borrows the arguments, so that the transaction among them is there afterwards.
///
/// Output:
///
/// ```text
/// let (returned, call) = watched(Call::new(&SITE, captures), async { … }).await;
/// let unwritten = { … call.end_in_transaction(…) };
/// match unwritten {
///     None => returned,
///     Some(unwritten) => match unwritten.write(tx).await {
///         Ok(()) => returned,
///         Err(error) => Failing::failed(error),
///     },
/// }
/// ```
fn in_transaction(model: &Audited, new_call: &TokenStream, output: &Type) -> TokenStream {
    let (private, function) = (private_at(Span::call_site()), &model.function);
    let (returned, call, value) = (local("returned"), local("call"), local("value"));
    let (unwritten, error) = (local("unwritten"), local("error"));
    let block = function.block_behind(&told_type(function, output));
    let mutability = is_asked(model).then(|| quote!(mut));
    let end = end(model);
    let tx = &model.tx;
    let span = at(tx.span());
    let write = quote_spanned!(span=> #unwritten.write(#tx));
    let span = at(output_span(function));
    let failed = {
        let private = private_at(span);
        quote_spanned!(span=> #private::Failing::failed(#error))
    };
    quote! {
        let (#returned, #mutability #call) =
            #private::watched::<#output, _>(#new_call, async #block).await;
        let #unwritten = { let #value = &#returned; #end };
        match #unwritten {
            #private::None => #returned,
            #private::Some(#unwritten) => match #write.await {
                #private::Ok(()) => #returned,
                #private::Err(#error) => #failed,
            },
        }
    }
}

/// Of a body that is nothing but `Box::pin(async { … })`, the path and the block, which need not be boxed twice.
fn boxed_block(body: &TokenStream) -> Option<(Path, TokenStream)> {
    let mut tokens: Vec<TokenTree> = body.clone().into_iter().collect();
    let Some(TokenTree::Group(argument)) = tokens.pop() else { return None };
    let path: Path = syn::parse2(tokens.into_iter().collect()).ok()?;
    let mut last = path.segments.iter().rev();
    let is_pin = last.next()?.ident == "pin" && last.next()?.ident == "Box";
    let block: Vec<TokenTree> = argument.stream().into_iter().collect();
    let is_block = match block.as_slice() {
        [TokenTree::Ident(first), TokenTree::Group(block)] => first == "async" && is_braced(block),
        [TokenTree::Ident(first), TokenTree::Ident(second), TokenTree::Group(block)] => {
            first == "async" && second == "move" && is_braced(block)
        }
        _ => false,
    };
    (is_pin && is_block).then(|| (path, argument.stream()))
}

fn is_braced(group: &Group) -> bool {
    group.delimiter() == Delimiter::Brace
}

/// Where a function says what it returns; its name, where it says nothing.
fn output_span(function: &Function) -> Span {
    match &function.signature.output {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => function.signature.ident.span(),
    }
}

/// The return that is never taken tells the block its type, so that `?`, coercions and type errors in the
/// body behave as they do without the attribute.
fn told_type(function: &Function, output: &Type) -> TokenStream {
    quote_spanned! {at(function.signature.output.span())=>
        #[allow(unreachable_code, clippy::all, clippy::pedantic, clippy::nursery)]
        if false {
            let value: #output = loop {};
            return value;
        }
    }
}

/// What a future does with its value.
fn after(model: &Audited) -> TokenStream {
    let (call, value, end) = (local("call"), local("value"), end(model));
    let mutability = is_asked(model).then(|| quote!(mut));
    quote!(|#value, #mutability #call| #end)
}

/// Whether the attribute has something to ask of the value.
fn is_asked(model: &Audited) -> bool {
    matches!(model.target_id, TargetId::ReturnedTarget) || of_the_value(model).next().is_some()
}

/// Captures what was named of the value, and ends the call: a block.
fn end(model: &Audited) -> TokenStream {
    let private = private_at(Span::call_site());
    let (call, value, result) = (local("call"), local("value"), local("result"));
    let (captured, verdict) = (captured(model), self::verdict(model));
    let method = if model.tx.is_some() { quote!(end_in_transaction) } else { quote!(end) };
    let traits = quote! {
        #[allow(unused_imports)]
        use #private::{AnyError as _, Plain as _, Silent as _, Unjudged as _, Usual as _, Whole as _};
    };
    let split = quote!(let #result = #private::Ended(#value).split(););
    if !is_asked(model) {
        return quote!({ #traits #split #call.#method(#verdict) });
    }
    let (told, told_by_value) = (local("told"), local("verdict"));
    quote! {
        {
            #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
            let #told = {
                #traits
                #split
                #captured
                let #told_by_value = #verdict;
                #call.#method(#told_by_value)
            };
            #told
        }
    }
}

fn captured(model: &Audited) -> TokenStream {
    let (call, result) = (local("call"), local("result"));
    let mut statements = TokenStream::new();
    match &model.target_id {
        TargetId::Returned(closure) => {
            let span = at(closure.span());
            let private = private_at(span);
            statements.extend(quote_spanned! {span=>
                #call.captures().target_id(|| {
                    #result.ok().map(#closure).and_then(|id| #private::Shown(&id).text())
                });
            });
        }
        TargetId::ReturnedTarget => {
            let span = at(model.action.span());
            let private = private_at(span);
            let result = local_at("result", span);
            statements.extend(quote_spanned! {span=>
                #call.captures().target_id(|| #private::target_of(#result));
            });
        }
        TargetId::Argument(_) | TargetId::Target(_) => {}
    }
    statements.extend(fields(model, |source| matches!(source, Source::Returned(..))));
    for detail in &model.metadata {
        if let Source::Returned(closure, form) = &detail.source {
            let (name, span) = (field_name(detail), at(closure.span()));
            let encoded = encode(detail, &quote_spanned!(span=> field), *form, closure.span());
            statements.extend(quote_spanned! {span=>
                #call.captures().field_if_any(#name, || #result.ok().map(#closure).map(|field| #encoded));
            });
        }
    }
    statements
}

/// What the value tells of the call, and what the attribute says of it.
fn verdict(model: &Audited) -> TokenStream {
    let (call, value, result) = (local("call"), local("value"), local("result"));
    let span = at(model.function.output().span());
    let (private, said) = (private_at(span), said(model, span));
    // Where the attribute says the outcome, the value need not know it.
    let voice = Ident::new(if model.outcome.is_some() { "voice_of_error" } else { "voice" }, span);
    let mut verdict = quote_spanned! {span=>
        match #result {
            #private::Ok(value) => #private::Verdict::success(#said(value).#voice()),
            #private::Err(error) => #private::Verdict::failure(
                #said(error).#voice(),
                #private::ErrorText(error).words()
            ),
        }
    };
    if let Some(look) = &model.outcome {
        let span = at(look.span());
        verdict.extend(quote_spanned!(span=> .with_outcome(#call.captures(), #value, #look)));
    }
    if let Some(look) = &model.err {
        let span = at(look.span());
        let private = private_at(span);
        verdict.extend(quote_spanned! {span=>
            .with_error(#call.captures(), || {
                #result.err().map(#look).and_then(|kept| #private::Shown(&kept).text())
            })
        });
    }
    verdict
}

/// What asks a value: more strictly, where the signature shows that a response is hidden.
fn said(model: &Audited, span: Span) -> TokenStream {
    let private = private_at(span);
    if model.function.hides_a_response() {
        quote_spanned!(span=> #private::SaidResponse)
    } else {
        quote_spanned!(span=> #private::Said)
    }
}

/// A check that the value of a plain function is not a future, unless its type shows that, or the outcome
/// is said to be in the value as it is.
fn refuse_future(model: &Audited, ty: &Type) -> Option<TokenStream> {
    let is_plain = match ty {
        Type::Tuple(_) | Type::Slice(_) | Type::Array(_) => true,
        Type::Reference(ty) => matches!(*ty.elem, Type::Slice(_)) || is_plain_path(&ty.elem),
        _ => is_plain_path(ty),
    };
    (!is_plain && model.outcome.is_none()).then(|| {
        let (value, span) = (local("value"), at(ty.span()));
        let private = private_at(span);
        quote_spanned! {span=>
            {
                #[allow(unused_imports)]
                use #private::NoFuture as _;
                #private::Finished(#value).check();
            }
        }
    })
}

/// Whether a type's name is one that every reader takes for what it is in `std`.
fn is_plain_path(ty: &Type) -> bool {
    const PLAIN: &[&str] = &[
        "Result", "Option", "Vec", "String", "str", "bool", "char", "i8", "i16", "i32", "i64", "i128", "isize", "u8",
        "u16", "u32", "u64", "u128", "usize", "f32", "f64",
    ];
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| {
        PLAIN.iter().any(|name| last.ident == name) && !matches!(last.arguments, PathArguments::Parenthesized(_))
    }))
}

/// A type with `_` for each `impl Trait`, which only a signature may name.
fn nameable(ty: &Type) -> Type {
    struct Infer;
    impl VisitMut for Infer {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Type::ImplTrait(_) = ty {
                *ty = syn::parse_quote!(_);
            } else {
                visit_mut::visit_type_mut(self, ty);
            }
        }
    }
    let mut ty = ty.clone();
    Infer.visit_type_mut(&mut ty);
    ty
}

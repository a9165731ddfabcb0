//! From a sound model to tokens. Nothing fails here.
//!
//! Tokens that the user's mistakes will point at carry the place of the user's own text
//! ([`place`](crate::place)); all others carry the attribute's.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{ReturnType, Type};

use super::arguments::{Detail, Form, Source};
use super::model::{ActionName, Audited, On, TargetId};
use crate::name;
use crate::place::{at, path_at};

/// Input:
///
/// ```text
/// #[audited(action = "project.created", target_id = |ok| ok.id, metadata(name))]
/// async fn create(name: String) -> Result<Project, Error> { … }
/// ```
///
/// Output:
///
/// ```text
/// async fn create(name: String) -> Result<Project, Error> {
///     const __AUDIT_…: … // the checks against the catalog
///     let captures = { … name … };
///     let (value, mut call) = audited_future(Call::new(&SITE, captures), async move { … }).await;
///     … call.captures().target_id_if_any(|| Ended(&value).on_ok(|ok| ok.id)) …
///     call.end(|| (&&&Ended(&value)).outcome());
///     value
/// }
/// ```
pub(super) fn expand(model: &Audited) -> TokenStream {
    let function = &model.function;
    let (attributes, vis, signature) = (&function.attributes, &function.vis, &function.signature);
    let inner_attributes = &function.inner_attributes;
    let checks = checks(model);
    let before = before(model);
    let run = run(model);
    quote! {
        #(#attributes)*
        #vis #signature {
            #(#inner_attributes)*
            #checks
            #before
            #run
        }
    }
}

/// The items that the compiler evaluates to check the attribute against the catalog.
fn checks(model: &Audited) -> TokenStream {
    let span = at(model.action.span());
    let (krate, catalog) = (path_at(&model.krate, span), &model.catalog);
    let fields: Vec<_> = (0..model.metadata.len()).map(|n| field_constant(n, span)).collect();
    let (name, hash) = match &model.action {
        ActionName::Literal(name) => {
            let hash = name::hash(&name.value());
            (name.to_token_stream(), quote_spanned!(span=> #hash))
        }
        ActionName::Variant { of, variant } => {
            let krate = path_at(&model.krate, at(variant.span()));
            let name = quote_spanned! {at(variant.span())=>
                <<#of as #krate::__private::NamedVariants>::Names>::#variant
            };
            (name, quote_spanned!(span=> #krate::__private::hash(__AUDIT_ACTION)))
        }
    };
    let on = match model.on {
        On::Success => quote!(Success),
        On::Failure => quote!(Failure),
        On::Always => quote!(Always),
    };
    let later = model.metadata.iter().filter(|detail| matches!(detail.source, Source::Later)).map(field_name);
    let mut checks = quote_spanned! {span=>
        type __AuditCatalog = #catalog;
        const __AUDIT_PARTS: #krate::__private::Parts = <__AuditCatalog as #krate::Catalog>::PARTS;
        const __AUDIT_ACTION: &::core::primitive::str = #name;
        const __AUDIT_PLACE: #krate::__private::Place =
            #krate::__private::find_action(__AUDIT_PARTS, #hash, __AUDIT_ACTION);
        const _: () = #krate::__private::required(__AUDIT_PARTS, __AUDIT_PLACE, __AUDIT_ACTION, &[#(#fields),*]);
        static __AUDIT_SITE: #krate::__private::Site = #krate::__private::Site {
            info: #krate::__private::info(__AUDIT_PARTS, __AUDIT_PLACE),
            on: #krate::__private::On::#on,
            later: &[#(#later),*],
            place: #krate::__private::SourcePlace::here(|| ()),
        };
        #krate::__private::inventory::submit! { #krate::coverage::Site::of(&__AUDIT_SITE) }
    };
    if let Some(target) = &model.target {
        let span = at(target.span());
        let krate = path_at(&model.krate, span);
        checks.extend(quote_spanned! {span=>
            const _: () = #krate::__private::check_target(__AUDIT_PARTS, __AUDIT_PLACE, #target);
        });
    }
    for (n, detail) in model.metadata.iter().enumerate() {
        let span = at(detail.name.span());
        let krate = path_at(&model.krate, span);
        let (constant, name) = (field_constant(n, span), field_name(detail));
        checks.extend(quote_spanned! {span=>
            const #constant: ::core::primitive::usize =
                #krate::__private::find_field(__AUDIT_PARTS, __AUDIT_PLACE, #name);
            const _: () = #krate::__private::check_field(__AUDIT_PARTS, __AUDIT_PLACE, #constant, #name);
        });
    }
    checks
}

/// What is captured before the body runs, because the body may move it.
fn before(model: &Audited) -> TokenStream {
    let krate = &model.krate;
    let captures = local("captures");
    let mut statements = TokenStream::new();
    match &model.target_id {
        TargetId::Argument(expression) => {
            let span = at(expression.span());
            statements.extend(
                quote_spanned!(span=> #captures.target_id(|| ::std::string::ToString::to_string(&(#expression)));),
            );
        }
        TargetId::Target(argument) => {
            let span = at(argument.span());
            let krate = path_at(krate, span);
            statements.extend(
                quote_spanned!(span=> #captures.target_id(|| #krate::AuditTarget::audit_target_id(&#argument));),
            );
        }
        TargetId::Returned(_) | TargetId::ReturnedTarget => {}
    }
    if let Some(actor) = &model.actor {
        let span = at(actor.span());
        statements.extend(quote_spanned!(span=> #captures.actor(|| #actor);));
    }
    for (n, detail) in model.metadata.iter().enumerate() {
        if let Source::Argument(value, form) = &detail.source {
            let name = field_name(detail);
            let encoded = encode(model, n, &quote_spanned!(at(value.span())=> (#value)), *form, value.span());
            let span = at(value.span());
            statements.extend(quote_spanned!(span=> #captures.field(#name, || #encoded);));
        }
    }
    let mutability = (!statements.is_empty()).then(|| quote!(mut));
    quote! {
        let #mutability #captures = #krate::__private::Captures::new();
        #statements
    }
}

/// Runs the body, and afterwards captures what was named of its value.
fn run(model: &Audited) -> TokenStream {
    let Audited { krate, function, .. } = model;
    let captures = local("captures");
    let body = &function.body;
    let new_call = quote!(#krate::__private::Call::new(&__AUDIT_SITE, #captures));
    if function.never_returns() && !function.is_async() {
        return quote!(#new_call.run(move || -> ! { #body }).0);
    }
    let output = if function.never_returns() {
        // An async block that never ends has no type of its own.
        syn::parse_quote!(::core::convert::Infallible)
    } else {
        output(&function.signature.output)
    };
    let running = if function.is_async() {
        // The return that is never taken tells the block its type, so that `?`, coercions and type errors in
        // the body behave as they do without the attribute.
        let returned = quote_spanned! {at(function.signature.output.span())=>
            #[allow(unreachable_code, clippy::all, clippy::pedantic, clippy::nursery)]
            if false {
                let value: #output = loop {};
                return value;
            }
        };
        quote!(#krate::__private::audited_future(#new_call, async move { #returned #body }).await)
    } else {
        quote!(#new_call.run(move || -> #output { #body }))
    };
    if function.never_returns() { quote!(match #running.0 {}) } else { after(model, &running) }
}

/// Captures what was named of the value, and ends the call.
fn after(model: &Audited, running: &TokenStream) -> TokenStream {
    let krate = &model.krate;
    let (call, value) = (local("call"), local("value"));
    let mut statements = TokenStream::new();
    match &model.target_id {
        TargetId::Returned(closure) => {
            let span = at(closure.span());
            let krate = path_at(krate, span);
            statements.extend(quote_spanned! {span=>
                #call.captures().target_id_if_any(|| {
                    #krate::__private::Ended(&#value).on_ok(#closure).map(|id| ::std::string::ToString::to_string(&id))
                });
            });
        }
        TargetId::ReturnedTarget => {
            let span = at(model.action.span());
            let krate = path_at(krate, span);
            statements.extend(quote_spanned! {span=>
                #call.captures().target_id_if_any(|| {
                    #krate::__private::Ended(&#value).on_ok(#krate::AuditTarget::audit_target_id)
                });
            });
        }
        TargetId::Argument(_) | TargetId::Target(_) => {}
    }
    for (n, detail) in model.metadata.iter().enumerate() {
        if let Source::Returned(closure, form) = &detail.source {
            let (name, span) = (field_name(detail), at(closure.span()));
            let encoded = encode(model, n, &quote!(field), *form, closure.span());
            let krate = path_at(krate, span);
            statements.extend(quote_spanned! {span=>
                #call.captures().field_if_any(#name, || {
                    #krate::__private::Ended(&#value).on_ok(#closure).map(|field| #encoded)
                });
            });
        }
    }
    let mutability = (!statements.is_empty()).then(|| quote!(mut));
    quote! {
        let (#value, #mutability #call) = #running;
        {
            #[allow(unused_imports)]
            use #krate::__private::{AnyError as _, AnyValue as _, DisplayedError as _, OnValue as _};
            #statements
            #call.end(|| (&&&#krate::__private::Ended(&#value)).outcome());
        }
        #value
    }
}

/// The call that turns a value into what its field in the catalog holds.
fn encode(model: &Audited, n: usize, value: &TokenStream, form: Form, span: Span) -> TokenStream {
    let span = at(span);
    let krate = path_at(&model.krate, span);
    let field = field_constant(n, span);
    let value = match form {
        Form::Typed => quote_spanned!(span=> &#value),
        Form::Display => quote_spanned!(span=> &::std::format!("{}", #value)),
        Form::Debug => quote_spanned!(span=> &::std::format!("{:?}", #value)),
    };
    quote_spanned! {span=>
        <<__AuditCatalog as #krate::__private::FieldAt<
            { __AUDIT_PLACE.part },
            { __AUDIT_PLACE.action },
            #field,
        >>::Sink>::encode(#value)
    }
}

/// The return type with `_` for each `impl Trait`, which only a signature may name.
fn output(output: &ReturnType) -> Type {
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
    let mut ty = match output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    Infer.visit_type_mut(&mut ty);
    ty
}

fn field_constant(n: usize, span: Span) -> Ident {
    format_ident!("__AUDIT_FIELD_{n}", span = span)
}

fn field_name(detail: &Detail) -> String {
    detail.name.unraw().to_string()
}

/// A local variable that the body cannot see.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

//! From a sound model to tokens. Nothing fails here.
//!
//! Tokens that the user's mistakes will point at carry the place of the user's own text
//! ([`place`](crate::place)); all others carry the attribute's.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::arguments::{Detail, Form, Source};
use super::function::Gives;
use super::model::{ActionName, Audited, Catalog, On, TargetId};
use super::run::run;
use crate::name;
use crate::place::{at, local, local_at, private_at};

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
///     audited_future::<Project, …>(Call::new(&SITE, { … name … }), async move { … }, |value, mut call| {
///         let result = Ended(value).split();
///         call.captures().target_id(|| result.ok().map(|ok| ok.id) …);
///         call.end(match result { … the verdict … })
///     }, Contract::terms()).await
/// }
/// ```
pub(super) fn expand(model: &Audited) -> TokenStream {
    let function = &model.function;
    let (attributes, vis, signature) = (&function.attributes, &function.vis, &function.signature);
    let inner_attributes = &function.inner_attributes;
    let checks = checks(model);
    let run = run(model, &captures(model));
    let mut tokens = quote!(#(#attributes)* #vis #signature);
    function.braces.surround(&mut tokens, |body| body.extend(quote!(#(#inner_attributes)* #checks #run)));
    tokens
}

/// The items that the compiler evaluates to check the attribute against the catalog.
fn checks(model: &Audited) -> TokenStream {
    let span = at(model.action.span());
    let private = private_at(span);
    let fields = model.metadata.iter().map(|detail| name::hash(&field_name(detail)));
    let (catalog, parts) = catalog(model, span);
    let (name, place) = match &model.action {
        ActionName::Literal(name) => {
            let hash = name::hash(&name.value());
            let place = quote_spanned!(span=> #private::find_action(#parts, #hash, #name));
            (name.to_token_stream(), place)
        }
        ActionName::Variant { of, variant } => {
            let span = at(variant.span());
            let (private, text) = (private_at(span), variant.unraw().to_string());
            let (of, of_parts) = match of {
                None => (quote_spanned!(span=> __AuditCatalog), parts.clone()),
                Some(of) => (of.to_token_stream(), quote_spanned!(span=> <Of as #private::Catalog>::PARTS)),
            };
            // The pattern is for the compiler to refuse, and for editors to complete.
            let name = quote_spanned! {span=> {
                type Of = #of;
                #[allow(unreachable_patterns)]
                let _: fn(&Of) = |action| match action { Of::#variant { .. } => {} _ => {} };
                #private::name_of(#of_parts, #text)
            }};
            let place = quote_spanned!(span=> #private::find_named(#parts, #name));
            // A variant that is there is in the table.
            (quote_spanned!(span=> #text), place)
        }
    };
    let on = match model.on {
        On::Success => quote!(Success),
        On::Failure => quote!(Failure),
        On::Always => quote!(Always),
    };
    let later = model.metadata.iter().filter(|detail| matches!(detail.source, Source::Later)).map(field_name);
    // With the transaction, or not at all: that is more than any durability of the catalog's promises.
    let queued = model.tx.as_ref().map(|_| Ident::new("Queued", span));
    let durability = model.durability.as_ref().or(queued.as_ref()).map_or_else(
        || quote_spanned!(span=> #private::None),
        |variant| quote_spanned!(span=> #private::Some(#private::Durability::#variant)),
    );
    let krate = &model.krate;
    let mut checks = quote_spanned! {span=>
        // Each token of an expansion costs the compiler time.
        use #krate::__private as #private;
        #catalog
        enum __AuditHere {}
        static __AUDIT_SITE: #private::Site = #private::Site::new(
            #place,
            #private::On::#on,
            #durability,
            &[#(#later),*],
            #private::SourcePlace::of::<__AuditHere>(),
        );
        type __AuditContract = #private::Promise<{ #private::code(__AUDIT_SITE.durability) }>;
        // A constant of its own for the check would be one more body for the compiler.
        #private::inventory::submit! { #private::required(&__AUDIT_SITE, #name, &[#(#fields),*]) }
    };
    if let Some(span) = model.on_span.map(at) {
        let private = private_at(span);
        checks.extend(quote_spanned! {span=>
            const _: () = #private::check_on(__AUDIT_SITE.durability, #private::On::#on);
        });
    }
    if let Some(target) = &model.target {
        let span = at(target.span());
        let private = private_at(span);
        checks.extend(quote_spanned! {span=>
            const _: () = #private::check_target(__AUDIT_SITE.info, #target);
        });
    }
    for detail in model.metadata.iter().filter(|detail| matches!(detail.source, Source::Later)) {
        let field = field(detail);
        let span = at(detail.name.span());
        checks.extend(quote_spanned!(span=> const _: usize = #field;));
    }
    checks
}

/// The type that the attribute is checked against, by the name of `__AuditCatalog`, and its table.
fn catalog(model: &Audited, action: Span) -> (TokenStream, TokenStream) {
    let (catalog, span) = match &model.catalog {
        Catalog::Named(path) => {
            let span = at(path.span());
            (quote_spanned!(span=> type __AuditCatalog = #path;), span)
        }
        // What is imported by name goes before what a glob brings: so the stand-in is seen only where the path
        // is that of a macro alone.
        Catalog::OfPath(path) => {
            let private = private_at(action);
            let imports = quote_spanned! {action=>
                #[allow(unused_imports)]
                use #private::no_catalog::*;
                #[allow(unused_imports)]
                use #path as __AuditCatalog;
            };
            (imports, action)
        }
    };
    let private = private_at(span);
    (catalog, quote_spanned!(span=> <__AuditCatalog as #private::Catalog>::PARTS))
}

/// What is captured before the body runs, because the body may move it. A block, because a variable beside the body would
/// be kept in its future.
fn captures(model: &Audited) -> TokenStream {
    let private = private_at(Span::call_site());
    let captures = local("captures");
    let mut statements = TokenStream::new();
    if let Some(condition) = &model.skip_if {
        let span = at(condition.span());
        statements.extend(quote_spanned!(span=> #captures.skip_if(|| #condition);));
    }
    match &model.target_id {
        TargetId::Argument(expression) => {
            let span = at(expression.span());
            let private = private_at(span);
            let shown = quote_spanned!(span=> #private::Shown(&(#expression)));
            let statement = if is_plain(expression) {
                quote_spanned!(span=> #shown.capture_target_id(&mut #captures);)
            } else {
                quote_spanned!(span=> #captures.target_id(|| #shown.text());)
            };
            statements.extend(quote_spanned! {span=>
                {
                    #[allow(unused_imports)]
                    use #private::Plain as _;
                    #statement
                }
            });
        }
        TargetId::Target(argument) => {
            let span = at(argument.span());
            let private = private_at(span);
            statements.extend(quote_spanned! {span=>
                #captures.target_id(|| #private::Some(#private::AuditTarget::audit_target_id(&#argument)));
            });
        }
        TargetId::Returned(_) | TargetId::ReturnedTarget => {}
    }
    if let Some(actor) = &model.actor {
        let span = at(actor.span());
        statements.extend(quote_spanned!(span=> #captures.actor(|| #actor);));
    }
    for detail in &model.metadata {
        if let Source::Argument(value, form) = &detail.source {
            let name = field_name(detail);
            if matches!(form, Form::Typed) && is_plain(value) {
                let (span, sink) = (at(value.span()), sink(detail, value.span()));
                statements.extend(quote_spanned!(span=> #sink.capture(&mut #captures, #name, &#value);));
                continue;
            }
            let span = at(value.span());
            let private = private_at(span);
            let given = if is_none(value) {
                quote_spanned!(span=> #private::absent(#value))
            } else {
                quote_spanned!(span=> (#value))
            };
            let encoded = encode(detail, &given, *form, value.span());
            statements.extend(quote_spanned!(span=> #captures.computed(#name, || #encoded);));
        }
    }
    let fields = fields(model, |source| matches!(source, Source::Argument(..)));
    let new = match model.function.gives() {
        Gives::Value(_) => quote!(new),
        Gives::Future(_) | Gives::BoxedFuture(_) => quote!(ahead),
    };
    if statements.is_empty() {
        return quote!(#private::Captures::#new());
    }
    quote! {
        {
            let mut #captures = #private::Captures::#new();
            #fields
            #statements
            #captures
        }
    }
}

/// The variable from which [`sink`] goes to each of the fields whose value comes from `sources`: the compiler remembers the
/// type of a variable, and would look for a constant's again.
pub(super) fn fields(model: &Audited, sources: impl Fn(&Source) -> bool) -> Option<TokenStream> {
    model.metadata.iter().any(|detail| sources(&detail.source)).then(|| {
        let (private, fields) = (private_at(Span::call_site()), local("fields"));
        quote! {
            let #fields = #private::FieldsAt::<
                __AuditCatalog, { __AUDIT_SITE.action.part }, { __AUDIT_SITE.action.page }, { __AUDIT_SITE.action.row }
            >::ALL;
        }
    })
}

/// The call that turns a value into what its field in the catalog holds.
pub(super) fn encode(detail: &Detail, value: &TokenStream, form: Form, span: Span) -> TokenStream {
    let sink = sink(detail, span);
    let span = at(span);
    let private = private_at(span);
    let value = match form {
        Form::Typed => quote_spanned!(span=> &#value),
        Form::Display => quote_spanned!(span=> &#private::displayed(&#value)),
        Form::Debug => quote_spanned!(span=> &#private::debugged(&#value)),
    };
    quote_spanned!(span=> #sink.encode(#value))
}

/// What takes the value of a field.
fn sink(detail: &Detail, span: Span) -> TokenStream {
    let span = at(span);
    let field = field(detail);
    let fields = local_at("fields", span);
    quote_spanned!(span=> #fields.at::<{ #field }>())
}

/// The place of a field in its action, which the compiler reports where it is none.
fn field(detail: &Detail) -> TokenStream {
    let (span, name) = (at(detail.name.span()), field_name(detail));
    let (private, hash) = (private_at(span), name::hash(&name));
    quote_spanned!(span=> #private::field(__AUDIT_SITE.info, #hash, #name))
}

/// Whether a value is there already, a variable or a constant: no code of the user's runs to get at it.
fn is_plain(value: &Expr) -> bool {
    match value {
        Expr::Path(path) => path.attrs.is_empty() && !is_none(value),
        Expr::Reference(reference) => reference.mutability.is_none() && is_plain(&reference.expr),
        _ => false,
    }
}

/// Whether a value is a bare `None`, whose type nothing tells.
fn is_none(value: &Expr) -> bool {
    matches!(value, Expr::Path(path) if path.path.segments.last().is_some_and(|last| {
        last.ident == "None" && last.arguments.is_none()
    }))
}

pub(super) fn field_name(detail: &Detail) -> String {
    detail.name.unraw().to_string()
}

//! `#[derive(AuditOutcome)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Member, Type, WherePredicate, parse_quote_spanned};

use crate::ctxt::Ctxt;
use crate::place::at;

/// The derive as a function of token streams.
pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let ctxt = Ctxt::default();
    let tokens = ctxt.ok(syn::parse2(input)).and_then(|input| expand(&ctxt, &input));
    ctxt.finish().or(tokens).unwrap_or_default()
}

/// What a struct, or a variant, says.
struct Says {
    pattern: TokenStream,
    outcome: TokenStream,
    error: TokenStream,
    /// The field's type, where the field is asked.
    asked: Option<Type>,
}

fn expand(ctxt: &Ctxt, input: &DeriveInput) -> Option<TokenStream> {
    let says: Vec<_> = match &input.data {
        Data::Struct(data) => vec![read(ctxt, &quote!(Self), &input.attrs, &data.fields)],
        Data::Enum(data) => {
            if let Some(mark) = marks(&input.attrs).next() {
                ctxt.error(mark.span(), "mark the variants instead");
            }
            let variants = data.variants.iter();
            let read = variants.map(|variant| {
                let ident = &variant.ident;
                read(ctxt, &quote!(Self::#ident), &variant.attrs, &variant.fields)
            });
            read.collect()
        }
        Data::Union(_) => {
            ctxt.error(input.ident.span(), "a union does not say which of its fields is meant");
            return None;
        }
    };
    let patterns: Vec<_> = says.iter().map(|says| &says.pattern).collect();
    let outcomes = says.iter().map(|says| &says.outcome);
    let errors = says.iter().map(|says| &says.error);
    let mut generics = input.generics.clone();
    for asked in says.iter().filter_map(|says| says.asked.as_ref()) {
        let span = at(asked.span());
        let bound: WherePredicate = parse_quote_spanned!(span=> #asked: ::audit_core::AuditOutcome);
        generics.make_where_clause().predicates.push(bound);
    }
    let (ident, (generics, arguments, bounds)) = (&input.ident, generics.split_for_impl());
    Some(quote! {
        #[automatically_derived]
        #[allow(clippy::all, clippy::pedantic, clippy::nursery)]
        impl #generics ::audit_core::AuditOutcome for #ident #arguments #bounds {
            fn audit_outcome(&self) -> ::audit_core::Outcome {
                match *self {
                    #(#patterns => #outcomes,)*
                }
            }

            fn audit_error(&self) -> ::core::option::Option<::std::string::String> {
                match *self {
                    #(#patterns => #errors,)*
                }
            }
        }
    })
}

fn read(ctxt: &Ctxt, path: &TokenStream, attributes: &[Attribute], fields: &Fields) -> Says {
    let plain = |outcome| Says {
        pattern: quote!(#path { .. }),
        outcome: quote!(::audit_core::Outcome::#outcome),
        error: quote!(::core::option::Option::None),
        asked: None,
    };
    let mut says = plain(quote!(Failure));
    let mut marked = false;
    for attribute in marks(attributes) {
        let result = attribute.parse_nested_meta(|meta| {
            if std::mem::replace(&mut marked, true) {
                return Err(meta.error("one mark says how the call ended"));
            }
            if meta.path.is_ident("denied") {
                says = plain(quote!(Denied));
            } else if meta.path.is_ident("failure") {
                says = plain(quote!(Failure));
            } else if meta.path.is_ident("success") {
                says = plain(quote!(Success));
            } else if meta.path.is_ident("transparent") {
                let mut members = fields.members().zip(fields);
                let (Some((member, field)), None) = (members.next(), members.next()) else {
                    return Err(meta.error("`transparent` stands on one field, whose outcome it is"));
                };
                says = transparent(path, &member, field);
            } else {
                return Err(meta.error("unknown mark; there are `denied`, `failure`, `success` and `transparent`"));
            }
            Ok(())
        });
        ctxt.ok(result);
    }
    says
}

fn transparent(path: &TokenStream, member: &Member, field: &Field) -> Says {
    Says {
        pattern: quote!(#path { #member: ref inner }),
        outcome: quote!(::audit_core::AuditOutcome::audit_outcome(inner)),
        error: quote!(::audit_core::AuditOutcome::audit_error(inner)),
        asked: Some(field.ty.clone()),
    }
}

fn marks(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("audit"))
}

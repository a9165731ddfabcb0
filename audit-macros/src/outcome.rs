//! `#[derive(AuditOutcome)]`.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{
    Attribute, Data, DeriveInput, Field, Fields, Generics, Member, Path, Type, WherePredicate, parse_quote_spanned,
};

use crate::ctxt::Ctxt;
use crate::krate;
use crate::place::{at, path_at};

/// What a struct, or a variant, may be marked with.
pub(crate) const MARKS: [&str; 4] = ["denied", "failure", "success", "transparent"];

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
    let krate = krate::of_type(ctxt, &input.attrs);
    let says: Vec<_> = match &input.data {
        Data::Struct(data) => vec![read(ctxt, &krate, &quote!(Self), &input.attrs, &data.fields)],
        Data::Enum(data) => {
            for (mark, _) in marks(ctxt, &input.attrs) {
                ctxt.error(mark.span(), "mark the variants instead");
            }
            let variants = data.variants.iter();
            let read = variants.map(|variant| {
                let ident = &variant.ident;
                read(ctxt, &krate, &quote!(Self::#ident), &variant.attrs, &variant.fields)
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
        // Of a concrete type, the body asks; a bound on one that holds this type again would never be proved.
        if !mentions(asked, &input.generics) {
            continue;
        }
        let span = at(asked.span());
        let krate = path_at(&krate, span);
        let bound: WherePredicate = parse_quote_spanned!(span=> #asked: #krate::AuditOutcome);
        generics.make_where_clause().predicates.push(bound);
    }
    let (ident, (generics, arguments, bounds)) = (&input.ident, generics.split_for_impl());
    Some(quote! {
        #[automatically_derived]
        #[allow(clippy::all, clippy::pedantic, clippy::nursery)]
        impl #generics #krate::AuditOutcome for #ident #arguments #bounds {
            fn audit_outcome(&self) -> #krate::Outcome {
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

fn read(ctxt: &Ctxt, krate: &Path, path: &TokenStream, attributes: &[Attribute], fields: &Fields) -> Says {
    let marks = marks(ctxt, attributes);
    if let [_, (second, _), ..] = marks.as_slice() {
        ctxt.error(second.span(), "one mark says how the call ended");
    }
    let outcome = match marks.first() {
        Some((mark, "transparent")) => {
            let mut members = fields.members().zip(fields);
            if let (Some((member, field)), None) = (members.next(), members.next()) {
                return transparent(krate, path, &member, field);
            }
            ctxt.error(mark.span(), "`transparent` stands on one field, whose outcome it is");
            quote!(Failure)
        }
        Some((_, "denied")) => quote!(Denied),
        Some((_, "success")) => quote!(Success),
        _ => quote!(Failure),
    };
    Says {
        pattern: quote!(#path { .. }),
        outcome: quote!(#krate::Outcome::#outcome),
        error: quote!(::core::option::Option::None),
        asked: None,
    }
}

fn transparent(krate: &Path, path: &TokenStream, member: &Member, field: &Field) -> Says {
    let span = at(field.ty.span());
    let krate = path_at(krate, span);
    let inner = Ident::new("inner", span);
    Says {
        pattern: quote!(#path { #member: ref #inner }),
        outcome: quote_spanned!(span=> #krate::AuditOutcome::audit_outcome(#inner)),
        // That it says no outcome is reported above, once.
        error: quote_spanned! {span=> {
            #[allow(unused_imports)]
            use #krate::__private::{Judging as _, Silent as _, Unjudged as _, Usual as _};
            (&&&&#krate::__private::Said(#inner)).voice_of_error().and_then(#krate::AuditOutcome::audit_error)
        }},
        asked: Some(field.ty.clone()),
    }
}

/// Whether a type holds one of the parameters.
fn mentions(ty: &Type, generics: &Generics) -> bool {
    struct Mentions<'a>(&'a Generics, bool);
    impl Visit<'_> for Mentions<'_> {
        fn visit_ident(&mut self, ident: &Ident) {
            self.1 |= self.0.type_params().any(|parameter| parameter.ident == *ident);
        }
    }
    let mut mentions = Mentions(generics, false);
    mentions.visit_type(ty);
    mentions.1
}

/// The marks, each where it stands.
fn marks(ctxt: &Ctxt, attributes: &[Attribute]) -> Vec<(Path, &'static str)> {
    let mut marks = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("audit")) {
        let result = attribute.parse_nested_meta(|meta| {
            if let Some(mark) = MARKS.into_iter().find(|mark| meta.path.is_ident(mark)) {
                marks.push((meta.path, mark));
            } else if meta.path.is_ident("crate") {
                // Where it may stand, `krate` reads it.
                meta.value()?.call(Path::parse_mod_style)?;
            } else {
                return Err(meta.error("unknown mark; there are `denied`, `failure`, `success` and `transparent`"));
            }
            Ok(())
        });
        ctxt.ok(result);
    }
    marks
}

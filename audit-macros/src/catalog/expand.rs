//! From a sound catalog to tokens.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::model::{Action, Catalog, Field, Include};
use crate::place::{at, path_at};

/// Input:
///
/// ```text
/// #[derive(audit_core::Catalog)]
/// pub enum Action {
///     /// Paid back.
///     #[audit(action = "invoice.refunded", target = "invoice")]
///     InvoiceRefunded { amount_cents: i64 },
///     #[audit(include)]
///     Base(AuditAction),
/// }
/// ```
///
/// Output:
///
/// ```text
/// pub type audited = Action;
/// pub use ::audit_core::__private::audited;
/// impl Catalog for Action { const PARTS = { static ACTIONS = […]; &[&ACTIONS, <AuditAction as Catalog>::PARTS[0]] }; … }
/// impl PageAt<0, 0> for Action { type Page = Page0; }
/// impl ActionAt<0> for Page0 { type Fields = Fields<(i64, ())>; }
/// impl PageAt<0, UNKNOWN> for Action { type Page = NoPage; }
/// impl<const P: usize> PageAt<1, P> for Action where AuditAction: PageAt<0, P> { … }
/// ```
pub(super) fn expand(catalog: &Catalog) -> TokenStream {
    let alias_pair = alias_pair(catalog);
    let catalog_impl = catalog_impl(catalog);
    let field_impls = field_impls(catalog);
    let constructors = constructors(catalog);
    let include_checks = include_checks(catalog);
    quote! { #alias_pair #catalog_impl #field_impls #constructors #include_checks }
}

fn alias_pair(Catalog { vis, ident, krate, attribute, .. }: &Catalog) -> TokenStream {
    let import = if attribute == "audited" {
        quote!(#vis use #krate::__private::audited;)
    } else {
        quote!(#vis use #krate::__private::audited as #attribute;)
    };
    quote! {
        /// The catalog that the attribute of this name checks against.
        #[allow(non_camel_case_types, unused)]
        #vis type #attribute = #ident;
        #[doc(hidden)]
        #[allow(unused_imports)]
        #import
    }
}

fn catalog_impl(catalog: &Catalog) -> TokenStream {
    let Catalog { ident, krate, actions, includes, .. } = catalog;
    let rows = actions.iter().map(|action| row(catalog, action));
    let included = includes.iter().map(|include| &include.catalog);
    let variants: Vec<_> = actions.iter().map(|action| &action.variant).collect();
    let include_variants: Vec<_> = includes.iter().map(|include| &include.variant).collect();
    let (positions, count) = (0..actions.len(), actions.len());
    let metadata = actions.iter().map(|action| metadata_arm(krate, action));
    let (info, into_metadata) = if actions.is_empty() && includes.is_empty() {
        (quote!(match *self {}), quote!(match self {}))
    } else {
        let info = quote! {
            match self {
                #(Self::#variants { .. } => &<Self as #krate::Catalog>::PARTS[0][#positions],)*
                #(Self::#include_variants(included) => #krate::Catalog::info(included),)*
            }
        };
        let into_metadata = quote! {
            match self {
                #(#metadata)*
                #(Self::#include_variants(included) => #krate::Catalog::into_metadata(included),)*
            }
        };
        (info, into_metadata)
    };
    quote! {
        #[automatically_derived]
        impl #krate::Catalog for #ident {
            // The compiler validates a constant with all that it refers to, but for what is in a `static`.
            const PARTS: &'static [&'static [#krate::catalog::ActionInfo]] = {
                static ACTIONS: [#krate::catalog::ActionInfo; #count] = [#(#rows),*];
                &[&ACTIONS, #(<#included as #krate::Catalog>::PARTS[0]),*]
            };

            fn info(&self) -> &'static #krate::catalog::ActionInfo {
                #info
            }

            fn into_metadata(self) -> #krate::Metadata {
                #into_metadata
            }
        }
    }
}

fn row(Catalog { krate, .. }: &Catalog, action: &Action) -> TokenStream {
    let Action { name, hash, target, durability, description, fields, variant } = action;
    let variant = variant.unraw().to_string();
    let free_form = fields.is_none();
    let fields = fields.iter().flatten().map(|field| {
        let Field { name, hash, type_name, optional, description, .. } = field;
        quote! {
            #krate::catalog::FieldInfo {
                hash: #hash,
                name: #name,
                type_name: #type_name,
                optional: #optional,
                description: #description,
            }
        }
    });
    quote! {
        #krate::catalog::ActionInfo {
            hash: #hash,
            name: #name,
            variant: #variant,
            target: #target,
            description: #description,
            free_form: #free_form,
            durability: #krate::Durability::#durability,
            fields: &[#(#fields),*],
        }
    }
}

fn metadata_arm(krate: &syn::Path, action: &Action) -> TokenStream {
    let variant = &action.variant;
    let fields: &[Field] = action.fields.as_deref().unwrap_or_default();
    if fields.is_empty() {
        return quote!(Self::#variant { .. } => #krate::Metadata::new(),);
    }
    let idents = fields.iter().map(|field| &field.ident);
    // By the same way as the values that an attribute names, so that a type of the user's own is recorded alike.
    let inserts = fields.iter().map(|Field { ident, name, ty, optional, .. }| {
        let insert = quote! {
            #krate::__private::insert(&mut metadata, #name, #krate::__private::Typed::<#ty>::encode(&#ident));
        };
        if *optional { quote!(if ::core::option::Option::is_some(&#ident) { #insert }) } else { insert }
    });
    quote! {
        Self::#variant { #(#idents),* } => {
            let mut metadata = #krate::Metadata::new();
            #(#inserts)*
            metadata
        }
    }
}

/// How many actions share a page; `Place` divides by the same number.
const PAGE: usize = 32;

fn field_impls(Catalog { ident, vis, krate, actions, includes, .. }: &Catalog) -> TokenStream {
    let pages = actions.chunks(PAGE).enumerate().map(|(p, actions)| {
        let page = format_ident!("Page{p}");
        let rows = actions.iter().enumerate().map(|(row, action)| {
            let types = action.fields.iter().flatten().map(|field| &field.ty);
            let types = types.rev().fold(quote!(()), |rest, ty| quote!((#ty, #rest)));
            quote! {
                #[automatically_derived]
                impl #krate::__private::ActionAt<#row> for #page {
                    type Fields = #krate::__private::Fields<#types>;
                }
            }
        });
        quote! {
            #[allow(missing_debug_implementations)]
            #vis struct #page;
            #[automatically_derived]
            impl #krate::__private::PageAt<0, #p> for #ident {
                type Page = #page;
            }
            #(#rows)*
        }
    });
    // The braces keep a constant from being taken for a type of that name.
    let included = includes.iter().enumerate().map(|(k, include)| {
        let (part, base) = (k + 1, &include.catalog);
        quote! {
            #[automatically_derived]
            impl<const PAGE: usize> #krate::__private::PageAt<#part, { PAGE }> for #ident
            where
                #base: #krate::__private::PageAt<0, { PAGE }>,
            {
                type Page = <#base as #krate::__private::PageAt<0, { PAGE }>>::Page;
            }
        }
    });
    quote! {
        const _: () = {
            #(#pages)*
            #(#included)*
            #[automatically_derived]
            impl #krate::__private::PageAt<0, { #krate::__private::UNKNOWN }> for #ident {
                type Page = #krate::__private::NoPage;
            }
        };
    }
}

/// A variant that is only ever named by its literal is in use all the same: without this function a
/// private catalog would be reported as dead code. Nothing of it is reached, so it costs little to compile.
fn constructors(Catalog { ident, actions, includes, .. }: &Catalog) -> TokenStream {
    let own = actions.iter().map(|Action { variant, fields, .. }| {
        let names = fields.iter().flatten().map(|field| &field.ident);
        quote!(let _ = #ident::#variant { #(#names: loop {}),* };)
    });
    let included = includes.iter().map(|Include { variant, .. }| quote!(let _ = #ident::#variant(loop {});));
    quote! {
        const _: () = {
            #[allow(dead_code, unreachable_code, clippy::all, clippy::pedantic, clippy::nursery)]
            fn constructors() {
                #(#own)*
                #(#included)*
            }
        };
    }
}

/// Duplicates across catalogs, and catalogs nested in catalogs, are known only to const evaluation.
fn include_checks(Catalog { ident, krate, includes, .. }: &Catalog) -> TokenStream {
    let checks = includes.iter().enumerate().map(|(k, include)| {
        let (base, part) = (&include.catalog, k + 1);
        let span = at(base.span());
        let krate = path_at(krate, span);
        quote_spanned! {span=>
            const _: () = #krate::__private::includable(
                <#ident as #krate::Catalog>::PARTS,
                #part,
                <#base as #krate::Catalog>::PARTS,
            );
        }
    });
    quote!(#(#checks)*)
}

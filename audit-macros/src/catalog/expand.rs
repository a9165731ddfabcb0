//! From a sound catalog to tokens.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Path;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::model::{Action, Catalog, Field};
use crate::place::{at, local, path_at};

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
/// impl PageAt<0, 0> for Action { type Page = List1<List1<i64>>; }
/// impl PageAt<0, UNKNOWN> for Action { type Page = NoPage; }
/// impl<const P: usize> PageAt<1, P> for Action where AuditAction: PageAt<0, P> { … }
/// ```
pub(super) fn expand(catalog: &Catalog) -> TokenStream {
    let alias_pair = alias_pair(catalog);
    let catalog_impl = catalog_impl(catalog);
    let field_impls = field_impls(catalog);
    let variants_in_use = variants_in_use(catalog);
    let include_checks = include_checks(catalog);
    quote! { #alias_pair #catalog_impl #field_impls #variants_in_use #include_checks }
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
    let (rows, count) = (actions.iter().map(row), actions.len());
    let included: Vec<_> = includes.iter().map(|include| &include.catalog).collect();
    let include_variants: Vec<_> = includes.iter().map(|include| &include.variant).collect();
    let (info, into_metadata) = if actions.is_empty() && includes.is_empty() {
        (quote!(match *self {}), quote!(match self {}))
    } else {
        let variants = actions.iter().map(|action| &action.variant);
        let (info, own_metadata) = (local("info"), local("own_metadata"));
        let values = actions.iter().map(|action| values(action, &own_metadata, &info));
        let positions = 0..count;
        let find_info = quote! {
            let row: usize = match self {
                #(Self::#variants { .. } => #positions,)*
                #(Self::#include_variants(included) => return #krate::Catalog::info(included),)*
            };
            &<Self as #krate::Catalog>::PARTS[0][row]
        };
        let into_metadata = quote! {
            use #krate::__private::own_metadata as #own_metadata;
            let #info = #krate::Catalog::info(&self);
            match self {
                #(#values)*
                #(Self::#include_variants(included) => #krate::Catalog::into_metadata(included),)*
            }
        };
        (find_info, into_metadata)
    };
    quote! {
        #[automatically_derived]
        impl #krate::Catalog for #ident {
            // The compiler validates a constant with all that it refers to, but for what is in a `static`.
            const PARTS: &'static [&'static [#krate::catalog::ActionInfo]] = {
                static ACTIONS: [#krate::catalog::ActionInfo; #count] = {
                    use #krate::Durability;
                    use #krate::catalog::{ActionInfo, FieldInfo};
                    [#(#rows),*]
                };
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

fn row(action: &Action) -> TokenStream {
    let Action { name, hash, target, durability, description, fields, variant } = action;
    let variant = variant.unraw().to_string();
    let free_form = fields.is_none();
    let fields = fields.iter().flatten().map(|field| {
        let Field { name, hash, type_name, optional, description, .. } = field;
        quote! {
            FieldInfo {
                hash: #hash,
                name: #name,
                type_name: #type_name,
                optional: #optional,
                description: #description,
            }
        }
    });
    quote! {
        ActionInfo {
            hash: #hash,
            name: #name,
            variant: #variant,
            target: #target,
            description: #description,
            free_form: #free_form,
            durability: Durability::#durability,
            fields: &[#(#fields),*],
        }
    }
}

/// Hands the values of a variant over: those that its action needs, and those that may be left out.
fn values(action: &Action, own_metadata: &Ident, info: &Ident) -> TokenStream {
    let Action { variant, fields, .. } = action;
    let fields: Vec<_> = fields.iter().flatten().collect();
    let named = |optional| fields.iter().filter(move |field| field.optional == optional).map(|field| &field.ident);
    let (all, needed, optional) = (fields.iter().map(|field| &field.ident), named(false), named(true));
    quote!(Self::#variant { #(ref #all),* } => #own_metadata(#info, &[#(#needed),*], &[#(#optional),*]),)
}

/// How many actions share a page; `Place` divides by the same number.
const PAGE: usize = 8;

fn field_impls(Catalog { ident, krate, actions, includes, .. }: &Catalog) -> TokenStream {
    let pages = actions.chunks(PAGE).enumerate().map(|(p, actions)| {
        let rows = list(
            krate,
            actions.iter().map(|action| list(krate, action.fields.iter().flatten().map(|field| &field.ty))),
        );
        quote! {
            #[automatically_derived]
            impl #krate::__private::PageAt<0, #p> for #ident {
                type Page = #rows;
            }
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

/// `List2<A, B>`.
fn list(krate: &Path, types: impl Iterator<Item: ToTokens>) -> TokenStream {
    let types: Vec<_> = types.collect();
    let list = format_ident!("List{}", types.len());
    let arguments = (!types.is_empty()).then(|| quote!(<#(#types),*>));
    quote!(#krate::__private::#list #arguments)
}

/// A variant that is only ever named by its literal is in use all the same: without this import, a private catalog
/// would be reported as dead code.
fn variants_in_use(Catalog { ident, actions, includes, .. }: &Catalog) -> TokenStream {
    let variants = actions.iter().map(|action| &action.variant).chain(includes.iter().map(|include| &include.variant));
    quote! {
        const _: () = {
            #[allow(dead_code, unused_imports)]
            use #ident::{#(#variants),*};
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

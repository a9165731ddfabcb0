//! `#[derive(AuditTarget)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Expr, Field, Member, Token};

use crate::ctxt::Ctxt;
use crate::diff;
use crate::krate;
use crate::place::{at, path_at};

/// The derive as a function of token streams.
pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let ctxt = Ctxt::default();
    let tokens = ctxt.ok(syn::parse2(input)).and_then(|input| expand(&ctxt, &input));
    ctxt.finish().or(tokens).unwrap_or_default()
}

fn expand(ctxt: &Ctxt, input: &DeriveInput) -> Option<TokenStream> {
    let krate = krate::of_type(ctxt, &input.attrs);
    let Data::Struct(data) = &input.data else {
        ctxt.error(input.ident.span(), "implement `AuditTarget` by hand for a type that is no struct");
        return None;
    };
    let mut fields = data.fields.members().zip(&data.fields);
    let marked: Vec<_> = fields.clone().filter(|(_, field)| is_marked(ctxt, field)).collect();
    if let [_, (_, second), ..] = marked.as_slice() {
        ctxt.error(second.span(), "only one field is the id");
    }
    let is_id = |member: &Member| matches!(member, Member::Named(name) if name == "id");
    let Some((id, field)) = marked.first().cloned().or_else(|| fields.find(|(member, _)| is_id(member))) else {
        ctxt.error(input.ident.span(), "name a field `id`, or mark one with `#[audit(id)]`");
        return None;
    };
    let span = at(field.ty.span());
    let krate_there = path_at(&krate, span);
    let text = quote_spanned!(span=> #krate_there::__private::Text::to_text(&self.#id));
    let (ident, (generics, arguments, bounds)) = (&input.ident, input.generics.split_for_impl());
    Some(quote! {
        #[automatically_derived]
        impl #generics #krate::AuditTarget for #ident #arguments #bounds {
            fn audit_target_id(&self) -> ::std::string::String {
                #text
            }
        }
    })
}

fn is_marked(ctxt: &Ctxt, field: &Field) -> bool {
    let mut marked = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("audit")) {
        let result = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("id") {
                marked = true;
                return Ok(());
            }
            // `Diff` reads them.
            if diff::MARKS.iter().any(|mark| meta.path.is_ident(mark)) {
                if meta.input.peek(Token![=]) {
                    meta.value()?.parse::<Expr>()?;
                }
                return Ok(());
            }
            Err(meta.error("unknown argument; there is `id`"))
        });
        ctxt.ok(result);
    }
    marked
}

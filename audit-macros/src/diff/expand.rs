//! From a sound type to tokens.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Path;
use syn::spanned::Spanned;

use super::model::{Compared, Field, How, Shape};
use crate::place::{at, path_at};

/// Input:
///
/// ```text
/// #[derive(Diff)]
/// struct Account {
///     name: String,
///     #[audit(secret)]
///     token: Token,
/// }
/// ```
///
/// Output:
///
/// ```text
/// impl Diff for Account {
///     fn record(&self) -> Value {
///         match self {
///             Self { name: this_0, .. } => object([("name", (&&Recorded(this_0)).recorded()), ("token", redacted())]),
///         }
///     }
///     fn changes(&self, after: &Self) -> Option<Value> {
///         match (self, after) {
///             (Self { name: this_0, token: this_1 }, Self { name: other_0, token: other_1 }) => nested(self, after, [
///                 ("name", Diff::changes(this_0, other_0)),
///                 ("token", secret_changes(|| (&&Compared(this_1, other_1)).is_same())),
///             ]),
///         }
///     }
/// }
/// ```
pub(super) fn expand(compared: &Compared) -> TokenStream {
    let Compared { ident, generics, krate, shapes, is_enum } = compared;
    let (generics, arguments, bounds) = generics.split_for_impl();
    let records = shapes.iter().map(|shape| record_arm(krate, shape));
    let changes = shapes.iter().map(|shape| changes_arm(krate, shape));
    let (record, changes) = if shapes.is_empty() {
        (quote!(match *self {}), quote!(match *self {}))
    } else {
        // Another variant is a change of the whole.
        let otherwise = (*is_enum && shapes.len() > 1).then(|| {
            quote! {
                _ => ::core::option::Option::Some(#krate::__private::change(
                    #krate::Diff::record(self),
                    #krate::Diff::record(after),
                )),
            }
        });
        (quote!(match self { #(#records)* }), quote!(match (self, after) { #(#changes)* #otherwise }))
    };
    quote! {
        #[automatically_derived]
        impl #generics #krate::Diff for #ident #arguments #bounds {
            fn record(&self) -> #krate::__private::Value {
                #[allow(unused_imports)]
                use #krate::__private::{NotRecorded as _, RecordedByDiff as _, RecordedBySerialize as _};
                #record
            }

            fn changes(&self, after: &Self) -> ::core::option::Option<#krate::__private::Value> {
                #[allow(unused_imports)]
                use #krate::__private::{SameByEq as _, SameBySecret as _};
                #changes
            }
        }
    }
}

fn record_arm(krate: &Path, shape: &Shape) -> TokenStream {
    let kept: Vec<_> = shape.fields.iter().enumerate().filter(|(_, field)| !is_skipped(field)).collect();
    let shown = kept.iter().filter(|(_, field)| !matches!(field.how, How::Secret(_)));
    let pattern = pattern(shape, shown.map(|(n, field)| (*n, *field)), "this");
    let values = kept.iter().map(|(n, field)| {
        let span = at(field.ty.span());
        let (krate, this) = (path_at(krate, span), local("this", *n, field));
        match &field.how {
            How::Secret(_) => quote_spanned!(span=> #krate::__private::redacted()),
            How::Serialized => quote_spanned!(span=> (&&#krate::__private::Recorded(#this)).serialized()),
            How::Changes | How::Skipped => quote_spanned!(span=> (&&#krate::__private::Recorded(#this)).recorded()),
        }
    });
    let content = if shape.is_newtype {
        kept.first().map(|_| quote!(#(#values)*))
    } else {
        let names = kept.iter().map(|(_, field)| &field.name);
        (!kept.is_empty()).then(|| quote!(#krate::__private::object([#((#names, #values)),*])))
    };
    let value = match (&shape.variant, content) {
        (Some(variant), Some(content)) => quote!(#krate::__private::object([(#variant, #content)])),
        (Some(variant), None) => quote!(#krate::__private::Value::from(#variant)),
        (None, Some(content)) => content,
        (None, None) => quote!(#krate::__private::Value::Null),
    };
    quote!(#pattern => #value,)
}

fn changes_arm(krate: &Path, shape: &Shape) -> TokenStream {
    let kept: Vec<_> = shape.fields.iter().enumerate().filter(|(_, field)| !is_skipped(field)).collect();
    let these = pattern(shape, kept.iter().copied(), "this");
    let others = pattern(shape, kept.iter().copied(), "other");
    let changes = kept.iter().map(|(n, field)| {
        let span = at(field.ty.span());
        let place = |span| path_at(krate, span);
        let krate = place(span);
        let (this, other) = (local("this", *n, field), local("other", *n, field));
        match &field.how {
            How::Secret(None) => quote_spanned! {span=>
                #krate::__private::secret_changes(|| (&&#krate::__private::Compared(#this, #other)).is_same())
            },
            How::Secret(Some(key)) => {
                let span = at(key.span());
                let krate = place(span);
                quote_spanned!(span=> #krate::__private::secret_changes_by(#this, #other, #key))
            }
            How::Serialized => quote_spanned!(span=> #krate::__private::serialized_changes(#this, #other)),
            How::Changes | How::Skipped => quote_spanned!(span=> #krate::Diff::changes(#this, #other)),
        }
    });
    let content = if shape.is_newtype {
        kept.first().map(|_| quote!(#(#changes)*))
    } else {
        let names = kept.iter().map(|(_, field)| &field.name);
        (!kept.is_empty()).then(|| quote!(#krate::__private::nested(self, after, [#((#names, #changes)),*])))
    };
    let value = match (&shape.variant, content) {
        (Some(variant), Some(content)) => quote!(#krate::__private::nested(self, after, [(#variant, #content)])),
        (None, Some(content)) => content,
        (_, None) => quote!(::core::option::Option::None),
    };
    quote!((#these, #others) => #value,)
}

fn pattern<'a>(shape: &Shape, fields: impl Iterator<Item = (usize, &'a Field)>, side: &str) -> TokenStream {
    let path = &shape.path;
    let bindings = fields.map(|(n, field)| {
        let (member, binding) = (&field.member, local(side, n, field));
        quote!(#member: #binding)
    });
    quote!(#path { #(#bindings,)* .. })
}

const fn is_skipped(field: &Field) -> bool {
    matches!(field.how, How::Skipped)
}

/// A variable that the user's closures cannot see.
fn local(side: &str, n: usize, field: &Field) -> Ident {
    format_ident!("{side}_{n}", span = Span::mixed_site().located_at(field.ty.span()))
}

//! A type whose fields can be compared, as far as tokens tell.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Data, DeriveInput, Expr, Fields, Generics, Member, Path, Token, Type, parse_quote};

use crate::ctxt::Ctxt;
use crate::{krate, name};

/// The marks of a field.
pub(crate) const MARKS: [&str; 3] = ["secret", "serialize", "skip"];

#[derive(Debug)]
pub(super) struct Compared {
    pub(super) ident: Ident,
    pub(super) generics: Generics,
    pub(super) krate: Path,
    pub(super) shapes: Vec<Shape>,
    pub(super) is_enum: bool,
}

/// A struct, or a variant of an enum.
#[derive(Debug)]
pub(super) struct Shape {
    /// `Self`, or `Self::Variant`.
    pub(super) path: Path,
    /// The variant's name.
    pub(super) variant: Option<String>,
    /// Whether it is one value in parentheses, which is compared in its stead.
    pub(super) is_newtype: bool,
    pub(super) fields: Vec<Field>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) member: Member,
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) how: How,
}

/// How a field is compared.
#[derive(Debug)]
pub(super) enum How {
    /// By its `Diff`.
    Changes,
    /// By what it serialises to.
    Serialized,
    /// As a secret, by what the closure says of it.
    Secret(Option<Expr>),
    /// Not at all.
    Skipped,
}

impl Compared {
    pub(super) fn read(ctxt: &Ctxt, input: DeriveInput) -> Option<Self> {
        let krate = krate::of_type(ctxt, &input.attrs);
        let shapes = match &input.data {
            Data::Struct(data) => vec![Shape::read(ctxt, parse_quote!(Self), None, &data.fields)],
            Data::Enum(data) => {
                let shape = |variant: &syn::Variant| {
                    let ident = &variant.ident;
                    Shape::read(ctxt, parse_quote!(Self::#ident), Some(ident.unraw().to_string()), &variant.fields)
                };
                data.variants.iter().map(shape).collect()
            }
            Data::Union(_) => {
                ctxt.error(input.ident.span(), "a union does not say which of its fields to compare");
                return None;
            }
        };
        let mut generics = input.generics;
        for parameter in generics.type_params_mut() {
            parameter.bounds.push(parse_quote!(#krate::Diff));
        }
        Some(Self { ident: input.ident, generics, krate, shapes, is_enum: matches!(input.data, Data::Enum(_)) })
    }
}

impl Shape {
    fn read(ctxt: &Ctxt, path: Path, variant: Option<String>, fields: &Fields) -> Self {
        let is_newtype = matches!(fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1);
        let read = |(member, field): (Member, &syn::Field)| Field {
            name: match &member {
                Member::Named(ident) => ident.unraw().to_string(),
                Member::Unnamed(index) => index.index.to_string(),
            },
            member,
            ty: field.ty.clone(),
            how: How::read(ctxt, field),
        };
        Self { path, variant, is_newtype, fields: fields.members().zip(fields).map(read).collect() }
    }
}

impl How {
    fn read(ctxt: &Ctxt, field: &syn::Field) -> Self {
        let mut how = Self::Changes;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("audit")) {
            let result = attribute.parse_nested_meta(|meta| {
                // `AuditTarget` reads it.
                if meta.path.is_ident("id") {
                    return Ok(());
                }
                let read = Self::of(&meta)?;
                if !matches!(how, Self::Changes) {
                    return Err(meta.error("a field is compared in one way only"));
                }
                how = read;
                Ok(())
            });
            ctxt.ok(result);
        }
        how
    }

    fn of(meta: &ParseNestedMeta<'_>) -> syn::Result<Self> {
        match meta.path.get_ident().map(ToString::to_string).as_deref() {
            Some("secret") if meta.input.peek(Token![=]) => Ok(Self::Secret(Some(meta.value()?.parse()?))),
            Some("secret") => Ok(Self::Secret(None)),
            Some("serialize") => Ok(Self::Serialized),
            Some("skip") => Ok(Self::Skipped),
            other => {
                let name = other.unwrap_or_default();
                let hint = name::did_you_mean(name, &MARKS);
                let all = if hint.is_empty() { format!("; there are {}", MARKS.join(", ")) } else { hint };
                Err(meta.error(format!("unknown argument `{name}`{all}")))
            }
        }
    }
}

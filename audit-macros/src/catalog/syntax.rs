//! The helper attribute: what may stand in `#[audit(…)]`.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Path};

use crate::ctxt::Ctxt;
use crate::name;

/// `#[audit(crate = path, attribute = "name")]` on the enum.
#[derive(Debug, Default)]
pub(super) struct EnumAttributes {
    pub(super) krate: Option<Path>,
    pub(super) attribute: Option<Ident>,
}

/// `#[audit(action = "…", target = "…", durability = "…")]` or `#[audit(include)]` on a variant.
#[derive(Debug, Default)]
pub(super) struct VariantAttributes {
    pub(super) action: Option<LitStr>,
    pub(super) target: Option<LitStr>,
    pub(super) durability: Option<LitStr>,
    pub(super) include: Option<Span>,
    /// Whether some argument could not be read, and is missing for that reason.
    pub(super) is_broken: bool,
}

impl EnumAttributes {
    pub(super) fn read(ctxt: &Ctxt, attributes: &[Attribute]) -> Self {
        let mut read = Self::default();
        each(ctxt, attributes, &["attribute", "crate"], |meta| {
            if meta.path.is_ident("crate") {
                set(&meta, &mut read.krate, |meta| meta.value()?.call(Path::parse_mod_style))
            } else {
                set(&meta, &mut read.attribute, |meta| meta.value()?.parse::<LitStr>()?.parse())
            }
        });
        read
    }
}

impl VariantAttributes {
    pub(super) fn read(ctxt: &Ctxt, attributes: &[Attribute]) -> Self {
        let mut read = Self::default();
        let understood = each(ctxt, attributes, &["action", "target", "durability", "include"], |meta| {
            if meta.path.is_ident("action") {
                set(&meta, &mut read.action, |meta| meta.value()?.parse())
            } else if meta.path.is_ident("target") {
                set(&meta, &mut read.target, |meta| meta.value()?.parse())
            } else if meta.path.is_ident("durability") {
                set(&meta, &mut read.durability, |meta| meta.value()?.parse())
            } else {
                set(&meta, &mut read.include, |meta| Ok(syn::spanned::Spanned::span(&meta.path)))
            }
        });
        read.is_broken = !understood;
        read
    }
}

/// The doc comments as plain text, a line each.
pub(super) fn description(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value()),
            _ => None,
        },
        _ => None,
    });
    let text = lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n");
    text.trim().to_owned()
}

/// Calls `read` for each argument whose name is known; says whether that is all of them.
fn each(
    ctxt: &Ctxt,
    attributes: &[Attribute],
    known: &[&str],
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) -> bool {
    let mut understood = true;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("audit")) {
        let result = attribute.parse_nested_meta(|meta| {
            let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            if known.contains(&name.as_str()) {
                return read(meta);
            }
            let hint = name::did_you_mean(&name, known);
            let all = if hint.is_empty() { format!("; there are {}", known.join(", ")) } else { hint };
            Err(meta.error(format!("unknown argument `{name}`{all}")))
        });
        understood &= ctxt.ok(result).is_some();
    }
    understood
}

fn set<T>(
    meta: &ParseNestedMeta<'_>,
    slot: &mut Option<T>,
    parse: impl FnOnce(&ParseNestedMeta<'_>) -> syn::Result<T>,
) -> syn::Result<()> {
    let value = parse(meta)?;
    if slot.replace(value).is_some() {
        return Err(meta.error("this argument is given twice"));
    }
    Ok(())
}

//! A catalog that is known to be sound.

use std::collections::HashMap;

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, GenericArgument, Ident, LitStr, Path, PathArguments, Type, Variant, Visibility};

use super::syntax::{self, EnumAttributes, VariantAttributes};
use crate::ctxt::Ctxt;
use crate::durability;
use crate::{krate, name};

/// Most metadata fields of an action; audit-core has no place for more.
const MAX_FIELDS: usize = 32;

#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) vis: Visibility,
    pub(super) ident: Ident,
    pub(super) krate: Path,
    /// The name of the alias pair.
    pub(super) attribute: Ident,
    /// Sorted by hash: the order of the table.
    pub(super) actions: Vec<Action>,
    pub(super) includes: Vec<Include>,
}

#[derive(Debug)]
pub(super) struct Action {
    pub(super) variant: Ident,
    pub(super) name: LitStr,
    pub(super) hash: u64,
    pub(super) target: LitStr,
    /// The variant of `Durability`.
    pub(super) durability: Ident,
    pub(super) description: String,
    /// `None` for a unit variant, whose metadata is free-form.
    pub(super) fields: Option<Vec<Field>>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) ident: Ident,
    pub(super) name: String,
    pub(super) hash: u64,
    pub(super) ty: Type,
    pub(super) type_name: String,
    pub(super) optional: bool,
    pub(super) description: String,
}

#[derive(Debug)]
pub(super) struct Include {
    pub(super) variant: Ident,
    pub(super) catalog: Type,
}

impl Catalog {
    /// Reads and checks an enum; `None` when there is nothing sound to expand.
    pub(super) fn read(ctxt: &Ctxt, input: &DeriveInput) -> Option<Self> {
        let attributes = EnumAttributes::read(ctxt, &input.attrs);
        let Data::Enum(data) = &input.data else {
            ctxt.error(input.ident.span(), "a catalog is an enum with one variant for each action");
            return None;
        };
        if !input.generics.params.is_empty() {
            ctxt.error(input.generics.span(), "a catalog has no parameters: name concrete types in its variants");
        }
        let (mut actions, mut includes) = (Vec::new(), Vec::new());
        for variant in &data.variants {
            let attributes = VariantAttributes::read(ctxt, &variant.attrs);
            if attributes.include.is_some() {
                includes.extend(Include::read(ctxt, variant, &attributes));
            } else {
                actions.extend(Action::read(ctxt, variant, attributes));
            }
        }
        refuse_duplicates(ctxt, &actions);
        actions.sort_by_key(|action| action.hash);
        Some(Self {
            vis: input.vis.clone(),
            ident: input.ident.clone(),
            krate: attributes.krate.unwrap_or_else(krate::usual),
            attribute: attributes.attribute.unwrap_or_else(|| Ident::new("audited", Span::call_site())),
            actions,
            includes,
        })
    }
}

impl Action {
    fn read(ctxt: &Ctxt, variant: &Variant, attributes: VariantAttributes) -> Option<Self> {
        let fields = match &variant.fields {
            Fields::Unit => None,
            Fields::Named(fields) => {
                if let Some(one_too_many) = fields.named.iter().nth(MAX_FIELDS) {
                    let message = format!(
                        "an action has at most {MAX_FIELDS} metadata fields: declare one of a type of your own"
                    );
                    ctxt.error(one_too_many.span(), message);
                }
                Some(fields.named.iter().filter_map(|field| Field::read(ctxt, field)).collect())
            }
            Fields::Unnamed(fields) => {
                let message = "metadata fields have names: write `Variant { name: Type }`, \
                    or `#[audit(include)]` to embed a catalog";
                ctxt.error(fields.span(), message);
                None
            }
        };
        let (name, target) = (attributes.action, attributes.target);
        if !attributes.is_broken && (name.is_none() || target.is_none()) {
            let missing = match (&name, &target) {
                (None, None) => "action = \"thing.done\", target = \"thing\"",
                (None, _) => "action = \"thing.done\"",
                _ => "target = \"thing\"",
            };
            ctxt.error(variant.ident.span(), format!("this variant needs `#[audit({missing})]`"));
        }
        if let Some(name) = &name
            && let Some(complaint) = name::complaint(&name.value())
        {
            ctxt.error(name.span(), complaint);
        }
        if let Some(target) = &target
            && !name::is_word(&target.value())
        {
            ctxt.error(target.span(), "a target type is one lower-case word such as `api_key`");
        }
        let durability = match &attributes.durability {
            Some(literal) => durability::read(ctxt, literal),
            None => Some(Ident::new("Queued", Span::call_site())),
        };
        let (name, target, durability) = (name?, target?, durability?);
        Some(Self {
            variant: variant.ident.clone(),
            hash: name::hash(&name.value()),
            name,
            target,
            durability,
            description: syntax::description(&variant.attrs),
            fields,
        })
    }
}

impl Field {
    fn read(ctxt: &Ctxt, field: &syn::Field) -> Option<Self> {
        let ident = field.ident.clone()?;
        let name = ident.unraw().to_string();
        if !name::is_word(&name) {
            ctxt.error(ident.span(), "a metadata field is one lower-case word such as `old_role`");
        }
        Some(Self {
            hash: name::hash(&name),
            type_name: type_name(&field.ty),
            optional: option_of(&field.ty).is_some(),
            description: syntax::description(&field.attrs),
            ty: field.ty.clone(),
            name,
            ident,
        })
    }
}

impl Include {
    fn read(ctxt: &Ctxt, variant: &Variant, attributes: &VariantAttributes) -> Option<Self> {
        if let Some(extra) =
            attributes.action.as_ref().or(attributes.target.as_ref()).or(attributes.durability.as_ref())
        {
            ctxt.error(extra.span(), "an included catalog brings its own actions, targets and durabilities");
        }
        match &variant.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                Some(Self { variant: variant.ident.clone(), catalog: fields.unnamed[0].ty.clone() })
            }
            _ => {
                ctxt.error(variant.ident.span(), "write the included catalog in parentheses: `Base(AuditAction)`");
                None
            }
        }
    }
}

fn refuse_duplicates(ctxt: &Ctxt, actions: &[Action]) {
    let mut seen = HashMap::new();
    for action in actions {
        if let Some(first) = seen.insert(action.name.value(), &action.variant) {
            let name = action.name.value();
            ctxt.error(action.name.span(), format!("the action `{name}` is already declared by `{first}`"));
        }
    }
}

/// The `T` of an `Option<T>`, as far as the tokens tell.
fn option_of(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) if last.ident == "Option" => match arguments.args.first()? {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        },
        _ => None,
    }
}

/// A type as a person writes it, without the blanks between tokens.
fn type_name(ty: &Type) -> String {
    let tokens = quote::ToTokens::to_token_stream(ty).to_string();
    let mut text = tokens;
    for (spaced, tight) in [(" :: ", "::"), (" < ", "<"), ("< ", "<"), (" >", ">"), (" , ", ", "), (":: ", "::")] {
        text = text.replace(spaced, tight);
    }
    text
}

//! A use of the attribute that is known to be sound, as far as tokens tell.

use std::collections::HashSet;

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, LitStr, Path};

use super::arguments::{Action, Arguments, Detail, Source};
use super::check;
use super::function::Function;
use super::invoked::Invoked;
use crate::ctxt::Ctxt;
use crate::durability;
use crate::krate;
use crate::place::at;

#[derive(Debug)]
pub(super) struct Audited {
    pub(super) function: Function,
    pub(super) krate: Path,
    pub(super) catalog: Catalog,
    pub(super) action: ActionName,
    pub(super) target: Option<LitStr>,
    pub(super) target_id: TargetId,
    pub(super) actor: Option<Expr>,
    pub(super) metadata: Vec<Detail>,
    pub(super) err: Option<Expr>,
    pub(super) outcome: Option<Expr>,
    pub(super) on: On,
    /// Where `on` was written.
    pub(super) on_span: Option<Span>,
    /// The variant of `Durability`; the catalog's where none is written.
    pub(super) durability: Option<Ident>,
    /// The transaction that the success entry goes into.
    pub(super) tx: Option<Expr>,
    pub(super) skip_if: Option<Expr>,
}

/// What the attribute is checked against.
#[derive(Debug)]
pub(super) enum Catalog {
    /// What was named: as such, by the enum of a variant, or by the attribute's usual name.
    Named(Path),
    /// The type of the attribute's own path, if there is one.
    OfPath(Path),
}

/// How the action finds its row in the catalog.
#[derive(Debug)]
pub(super) enum ActionName {
    Literal(LitStr),
    /// A variant of the catalog, or of the enum that was named beside it.
    Variant {
        of: Option<Path>,
        variant: Ident,
    },
}

/// Where the target id comes from.
#[derive(Debug)]
pub(super) enum TargetId {
    /// An expression over the arguments.
    Argument(Expr),
    /// A closure over the success value.
    Returned(Expr),
    /// An argument that implements `AuditTarget`.
    Target(Ident),
    /// The success value, which implements `AuditTarget`.
    ReturnedTarget,
}

/// Which outcomes are recorded.
#[derive(Debug, Clone, Copy)]
pub(super) enum On {
    Success,
    Failure,
    Always,
}

impl On {
    /// Reads the argument.
    pub(super) fn read(ctxt: &Ctxt, on: &LitStr) -> Option<Self> {
        match on.value().as_str() {
            "success" => Some(Self::Success),
            "failure" => Some(Self::Failure),
            "always" => Some(Self::Always),
            _ => {
                ctxt.error(on.span(), "write `\"success\"`, `\"failure\"` or `\"always\"`");
                None
            }
        }
    }
}

impl Catalog {
    /// The one that stands beside the attribute.
    fn of_attribute(ctxt: &Ctxt, invoked: Invoked, at: Span) -> Option<Self> {
        match invoked {
            Invoked::As(mut path) => {
                path.segments.iter_mut().for_each(|segment| segment.ident.set_span(at));
                Some(Self::OfPath(path))
            }
            Invoked::Unseen => Some(Self::Named(Ident::new("audited", at).into())),
            Invoked::FromCrate(path) => {
                let path = path.to_token_stream().to_string().replace(' ', "");
                let message = format!("behind `$crate`, the catalog cannot be seen: write `catalog = $crate{path}`");
                ctxt.error(Span::call_site(), message);
                None
            }
        }
    }
}

impl ActionName {
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Literal(name) => name.span(),
            Self::Variant { variant, .. } => variant.span(),
        }
    }
}

impl Audited {
    /// Brings arguments and function together; `None` when there is nothing sound to expand.
    pub(super) fn resolve(ctxt: &Ctxt, invoked: Invoked, arguments: Arguments, function: Function) -> Option<Self> {
        if let Some(tx) = &arguments.tx {
            check::transaction(ctxt, tx, &arguments, &function);
        }
        let metadata = arguments.metadata.unwrap_or_default();
        refuse_wrong_details(ctxt, &metadata, &function);
        if let Some(err) = &arguments.err
            && function.returns_no_error()
        {
            ctxt.error(err.span(), "this function returns no error to look at");
        }
        let on_span = arguments.on.as_ref().map(LitStr::span);
        let on = arguments.on.map_or(Some(On::Always), |on| On::read(ctxt, &on));
        let durability = arguments.durability.map(|literal| durability::read(ctxt, &literal));
        let Some(action) = arguments.action else {
            if !arguments.is_broken {
                ctxt.error(Span::call_site(), "name the action: `#[audited(action = \"project.created\", …)]`");
            }
            return None;
        };
        let target_id = resolve_target_id(arguments.target_id, &action, arguments.target.as_ref(), &function);
        // Among the arguments that could not be read may be the target's id.
        if let Err(message) = &target_id
            && !arguments.is_broken
        {
            ctxt.error(action.span(), message);
        }
        let (action, named) = resolve_action(action, arguments.catalog);
        let named = named.map(Catalog::Named);
        let catalog = named.or_else(|| Catalog::of_attribute(ctxt, invoked, at(action.span())));
        Some(Self {
            krate: arguments.krate.unwrap_or_else(krate::usual),
            catalog: catalog?,
            action,
            target: arguments.target,
            target_id: target_id.ok()?,
            actor: arguments.actor,
            metadata,
            err: arguments.err,
            outcome: arguments.outcome,
            on: on?,
            on_span,
            durability: durability.map_or(Some(None), |read| read.map(Some))?,
            tx: arguments.tx,
            skip_if: arguments.skip_if,
            function,
        })
    }
}

/// Of a variant, the enum is the catalog, unless another is named.
fn resolve_action(action: Action, catalog: Option<Path>) -> (ActionName, Option<Path>) {
    match action {
        Action::Name(name) => (ActionName::Literal(name), catalog),
        Action::Variant(mut path) => {
            let variant = path.segments.pop().expect("a variant's path has two segments at least").ident;
            path.segments.pop_punct();
            match catalog {
                None => (ActionName::Variant { of: None, variant }, Some(path)),
                catalog => (ActionName::Variant { of: Some(path), variant }, catalog),
            }
        }
    }
}

/// Of `Action::KeyRotated`, `key`.
fn first_word(path: &Path) -> String {
    let variant = path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
    let second = variant.char_indices().skip(1).find(|(_, c)| c.is_uppercase()).map_or(variant.len(), |(at, _)| at);
    variant[..second].to_lowercase()
}

/// In this order: the expression, an argument `<target>_id`, an argument `<target>`, the success value.
/// Where no target is named, it is the action's first word.
fn resolve_target_id(
    given: Option<Expr>,
    action: &Action,
    target: Option<&LitStr>,
    function: &Function,
) -> Result<TargetId, String> {
    match given {
        Some(closure @ Expr::Closure(_)) => return Ok(TargetId::Returned(closure)),
        Some(expression) => return Ok(TargetId::Argument(expression)),
        None => {}
    }
    let target = match (target, action) {
        (Some(target), _) => target.value(),
        (None, Action::Name(name)) => name.value().split('.').next().unwrap_or_default().to_owned(),
        (None, Action::Variant(path)) => first_word(path),
    };
    let bindings = function.bindings();
    let argument = |name: &str| bindings.iter().find(|binding| binding.unraw() == name);
    if let Some(id) = argument(&format!("{target}_id")) {
        return Ok(TargetId::Argument(Expr::Path(syn::ExprPath {
            attrs: Vec::new(),
            qself: None,
            path: id.clone().into(),
        })));
    }
    if let Some(argument) = argument(&target) {
        return Ok(TargetId::Target(argument.clone()));
    }
    if !function.returns_nothing() {
        return Ok(TargetId::ReturnedTarget);
    }
    Err(format!(
        "no target id can be inferred: write `target_id = EXPR`, name an argument `{target}_id`, or name an argument \
         `{target}` (or return a value) whose type implements `AuditTarget`"
    ))
}

fn refuse_wrong_details(ctxt: &Ctxt, metadata: &[Detail], function: &Function) {
    let mut seen = HashSet::new();
    for detail in metadata {
        let name = detail.name.unraw().to_string();
        if name == "_audit" {
            ctxt.error(detail.name.span(), "the metadata field `_audit` is reserved for the library's own marks");
        }
        if matches!(detail.source, Source::Returned(..)) && function.returns_nothing() {
            ctxt.error(detail.name.span(), "this function returns no value to look at");
        }
        if !seen.insert(name.clone()) {
            ctxt.error(detail.name.span(), format!("the metadata field `{name}` is given twice"));
        }
    }
}

//! The arguments, as they are written.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Path, Token, parenthesized};

use crate::ctxt::Ctxt;
use crate::{durability, name};

const KNOWN: [&str; 13] = [
    "action",
    "target",
    "target_id",
    "actor",
    "metadata",
    "err",
    "outcome",
    "on",
    "durability",
    "tx",
    "skip_if",
    "catalog",
    "crate",
];

/// The arguments, each at most once.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) action: Option<Action>,
    pub(super) target: Option<LitStr>,
    pub(super) target_id: Option<Expr>,
    pub(super) actor: Option<Expr>,
    pub(super) metadata: Option<Vec<Detail>>,
    pub(super) err: Option<Expr>,
    pub(super) outcome: Option<Expr>,
    pub(super) on: Option<LitStr>,
    pub(super) durability: Option<LitStr>,
    pub(super) tx: Option<Expr>,
    pub(super) skip_if: Option<Expr>,
    pub(super) catalog: Option<Path>,
    pub(super) krate: Option<Path>,
    /// Whether some argument could not be read, and is missing for that reason.
    pub(super) is_broken: bool,
}

/// `action = …`
#[derive(Debug)]
pub(super) enum Action {
    /// `"project.created"`
    Name(LitStr),
    /// `Action::ProjectCreated`
    Variant(Path),
}

/// One item of `metadata(…)`.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) name: Ident,
    pub(super) source: Source,
}

/// Where the value of a detail comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// An expression over the arguments.
    Argument(Expr, Form),
    /// A closure over the success value.
    Returned(Expr, Form),
    /// `annotate!` in the body.
    Later,
}

/// How a value becomes metadata.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// By its type.
    Typed,
    /// `%value`
    Display,
    /// `?value`
    Debug,
}

impl Action {
    /// The place of the name: of a variant, its last word.
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Name(name) => name.span(),
            Self::Variant(path) => path.segments.last().map_or_else(Span::call_site, |last| last.ident.span()),
        }
    }
}

impl Arguments {
    /// Reads them all, however many are wrong.
    pub(super) fn read(ctxt: &Ctxt, tokens: TokenStream) -> Self {
        let mut read = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for argument in split(tokens) {
            let result = (|input: ParseStream<'_>| {
                if let Ok(literal) = input.fork().parse::<Lit>() {
                    return Err(syn::Error::new(
                        literal.span(),
                        "arguments have names: `action = \"project.created\"`",
                    ));
                }
                let name = input.call(Ident::parse_any)?;
                let text = name.to_string();
                if text == "__defaults" {
                    let defaults;
                    parenthesized!(defaults in input);
                    // Their mistakes are reported at the block.
                    read.fill(Self::read(&Ctxt::default(), defaults.parse()?));
                    return Ok(());
                }
                if !KNOWN.contains(&text.as_str()) {
                    return Err(unknown(&name));
                }
                if seen.contains(&text) {
                    return Err(syn::Error::new(name.span(), format!("the argument `{text}` is given twice")));
                }
                seen.push(text.clone());
                read.argument(ctxt, &text, &name, input)
            })
            .parse2(argument);
            read.is_broken |= ctxt.ok(result).is_none();
        }
        read
    }

    /// Takes from an `impl` block's arguments those that are not given.
    fn fill(&mut self, defaults: Self) {
        fn or<T>(given: &mut Option<T>, default: Option<T>) {
            *given = given.take().or(default);
        }
        or(&mut self.target, defaults.target);
        or(&mut self.target_id, defaults.target_id);
        or(&mut self.actor, defaults.actor);
        or(&mut self.err, defaults.err);
        or(&mut self.outcome, defaults.outcome);
        or(&mut self.on, defaults.on);
        // A method's own contract stands for the block's.
        if self.durability.is_none() && self.tx.is_none() {
            self.durability = defaults.durability;
            self.tx = defaults.tx;
        }
        or(&mut self.skip_if, defaults.skip_if);
        or(&mut self.catalog, defaults.catalog);
        or(&mut self.krate, defaults.krate);
    }

    fn argument(&mut self, ctxt: &Ctxt, text: &str, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        if text == "metadata" {
            if !input.peek(syn::token::Paren) {
                return Err(syn::Error::new(name.span(), "write `metadata(name, other = EXPR, …)`"));
            }
            let content;
            parenthesized!(content in input);
            let items = split(content.parse()?);
            self.metadata = Some(items.into_iter().filter_map(|item| ctxt.ok(syn::parse2(item))).collect());
            return Ok(());
        }
        if !input.peek(Token![=]) {
            return Err(syn::Error::new(name.span(), format!("write `{text} = …`")));
        }
        input.parse::<Token![=]>()?;
        if input.is_empty() {
            return Err(syn::Error::new(name.span(), format!("write `{text} = …`")));
        }
        match text {
            "action" => self.action = Some(input.parse()?),
            "target" => self.target = Some(literal(input, "a target type is a string literal such as `\"project\"`")?),
            "target_id" => self.target_id = Some(expression(input)?),
            "actor" => self.actor = Some(expression(input)?),
            "err" => self.err = Some(over_result(input, "write a closure over the error: `|error| EXPR`")?),
            "outcome" => self.outcome = Some(over_result(input, "write a closure over the value: `|returned| EXPR`")?),
            "skip_if" => self.skip_if = Some(expression(input)?),
            "on" => self.on = Some(literal(input, "write `\"success\"`, `\"failure\"` or `\"always\"`")?),
            "durability" => self.durability = Some(literal(input, durability::TO_WRITE)?),
            "tx" => self.tx = Some(expression(input)?),
            "catalog" => self.catalog = Some(input.parse()?),
            _ => self.krate = Some(input.call(Path::parse_mod_style)?),
        }
        Ok(())
    }
}

impl Parse for Action {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        match expression(input)? {
            Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Ok(Self::Name(name)),
            Expr::Path(path) if path.path.segments.len() > 1 => Ok(Self::Variant(path.path)),
            other => {
                let message = "an action is a string literal such as `\"project.created\"`, \
                    or a catalog's variant such as `Action::ProjectCreated`";
                Err(syn::Error::new(other.span(), message))
            }
        }
    }
}

impl Parse for Detail {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let form: Form = input.parse()?;
        if !input.peek(Ident::peek_any) {
            return Err(input.error("metadata has a name: write `name` or `name = EXPR`"));
        }
        let mut name = input.call(Ident::parse_any)?;
        let returned = name == "ret" && input.peek(Ident::peek_any);
        if returned {
            name = input.call(Ident::parse_any)?;
        }
        if !input.peek(Token![=]) {
            if returned || !input.is_empty() {
                let message = if returned { "write `ret name = |ok| EXPR`" } else { "write `name` or `name = EXPR`" };
                return Err(syn::Error::new(name.span(), message));
            }
            let value = Expr::Path(syn::ExprPath { attrs: Vec::new(), qself: None, path: name.clone().into() });
            return Ok(Self { name, source: Source::Argument(value, form) });
        }
        if !matches!(form, Form::Typed) {
            return Err(syn::Error::new(name.span(), format!("write the sign before the value: `{name} = %EXPR`")));
        }
        input.parse::<Token![=]>()?;
        let form: Form = input.parse()?;
        let value = expression(input)?;
        let is_later = matches!(&value, Expr::Path(path) if path.path.is_ident("later"));
        let source = match (returned, is_later) {
            (false, true) => Source::Later,
            (false, false) => Source::Argument(value, form),
            (true, _) if matches!(value, Expr::Closure(_)) => Source::Returned(value, form),
            (true, _) => {
                let message = "a value of the result is a closure over the success value: `|ok| EXPR`";
                return Err(syn::Error::new(value.span(), message));
            }
        };
        Ok(Self { name, source })
    }
}

impl Parse for Form {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.parse::<Option<Token![%]>>()?.is_some() {
            Ok(Self::Display)
        } else if input.parse::<Option<Token![?]>>()?.is_some() {
            Ok(Self::Debug)
        } else {
            Ok(Self::Typed)
        }
    }
}

fn unknown(name: &Ident) -> syn::Error {
    let text = name.to_string();
    let hint = name::did_you_mean(&text, &KNOWN);
    let message = if hint.is_empty() {
        format!("unknown argument `{text}`; there are {}", KNOWN.join(", "))
    } else {
        format!("unknown argument `{text}`{hint}")
    };
    syn::Error::new(name.span(), message)
}

fn literal(input: ParseStream<'_>, message: &str) -> syn::Result<LitStr> {
    match expression(input)? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text),
        other => Err(syn::Error::new(other.span(), message)),
    }
}

/// A closure, or the path of a function.
fn over_result(input: ParseStream<'_>, message: &str) -> syn::Result<Expr> {
    match expression(input)? {
        look @ (Expr::Closure(_) | Expr::Path(_)) => Ok(look),
        other => Err(syn::Error::new(other.span(), message)),
    }
}

/// An expression. What other macros hand on comes in invisible groups, which stand in those macros: without them,
/// mistakes point to where the expression was written.
fn expression(input: ParseStream<'_>) -> syn::Result<Expr> {
    let mut value = input.parse()?;
    while let Expr::Group(group) = value {
        value = *group.expr;
    }
    Ok(value)
}

/// Cuts a list at its commas, so that one wrong item does not hide the next. A comma between the bars of a
/// closure, or between angle brackets behind `::`, belongs to its item.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut items = vec![TokenStream::new()];
    let mut inside_bars = false;
    let (mut angles, mut before) = (0_usize, [' '; 2]);
    for token in tokens {
        let sign = match &token {
            TokenTree::Punct(punct) => punct.as_char(),
            _ => ' ',
        };
        match sign {
            '|' => inside_bars = !inside_bars,
            '<' if before == [':', ':'] || angles > 0 => angles += 1,
            '>' if angles > 0 && before[1] != '-' => angles -= 1,
            ',' if !inside_bars && angles == 0 => {
                items.push(TokenStream::new());
                before = [' '; 2];
                continue;
            }
            _ => {}
        }
        before = [before[1], sign];
        items.last_mut().expect("there is always one").extend([token]);
    }
    items.retain(|item| !item.is_empty());
    items
}

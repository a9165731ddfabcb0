//! `#[audited]` on an `impl` block: its arguments become defaults of the audited methods inside.
//!
//! The block is handled token by token, so that half-typed methods stay as they are.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;

use super::arguments::{Action, Arguments};
use super::invoked::Invoked;
use crate::ctxt::Ctxt;
use crate::durability;

/// Whether an item is an `impl` block.
pub(super) fn is_block(item: &TokenStream) -> bool {
    let mut tokens = item.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => drop(tokens.next()),
            TokenTree::Ident(word) if word == "unsafe" || word == "default" => {}
            other => return matches!(other, TokenTree::Ident(word) if word == "impl"),
        }
    }
    false
}

/// Input:
///
/// ```text
/// #[audited(target = "project", actor = self.actor())]
/// impl Projects {
///     #[audited(action = "project.created")]
///     fn create(&self) -> Project { … }
/// }
/// ```
///
/// Output:
///
/// ```text
/// impl Projects {
///     #[audited(action = "project.created", __defaults(target = "project", actor = self.actor()))]
///     fn create(&self) -> Project { … }
/// }
/// ```
///
/// With mistakes among the defaults, the methods are left unaudited, so that only those are reported.
pub(super) fn hand_down(invoked: &Invoked, arguments: &TokenStream, item: TokenStream) -> TokenStream {
    let ctxt = Ctxt::default();
    check(&ctxt, arguments.clone());
    let mut methods = Methods { name: invoked.name(), handed: quote!(__defaults(#arguments)), found: 0 };
    let item = methods.rewrite_block(item, true);
    if methods.found == 0 {
        ctxt.error(
            Span::call_site(),
            "no method of this `impl` block is audited: write `#[audited(action = …)]` on some",
        );
    }
    match ctxt.finish() {
        None => item,
        Some(errors) => {
            let item = methods.rewrite_block(item, false);
            quote!(#item #errors)
        }
    }
}

fn check(ctxt: &Ctxt, arguments: TokenStream) {
    let arguments = Arguments::read(ctxt, arguments);
    if let Some(action) = &arguments.action {
        let span = match action {
            Action::Name(name) => name.span(),
            Action::Variant(path) => path.span(),
        };
        ctxt.error(
            span,
            "an action is one method's own: write it there, and here only what the methods have in common",
        );
    }
    if let Some(detail) = arguments.metadata.iter().flatten().next() {
        ctxt.error(detail.name.span(), "metadata is one method's own: write it there");
    }
    if let Some(on) = &arguments.on {
        super::model::On::read(ctxt, on);
    }
    if let Some(literal) = &arguments.durability {
        durability::read(ctxt, literal);
    }
}

struct Methods {
    /// The attribute's name.
    name: String,
    /// What each attribute gets in addition.
    handed: TokenStream,
    found: usize,
}

impl Methods {
    fn rewrite_block(&mut self, item: TokenStream, keep: bool) -> TokenStream {
        let mut tokens: Vec<TokenTree> = item.into_iter().collect();
        if let Some(TokenTree::Group(block)) = tokens.last_mut() {
            *block = regrouped(block, self.rewrite_methods(block.stream(), keep));
        }
        tokens.into_iter().collect()
    }

    fn rewrite_methods(&mut self, methods: TokenStream, keep: bool) -> TokenStream {
        let mut rewritten = TokenStream::new();
        let mut tokens = methods.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let is_sign = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
            match tokens.peek() {
                Some(TokenTree::Group(attribute)) if is_sign && self.is_ours(attribute) => {
                    let attribute = attribute.clone();
                    tokens.next();
                    if keep {
                        self.found += 1;
                        token.to_tokens(&mut rewritten);
                        regrouped(&attribute, self.extended(attribute.stream())).to_tokens(&mut rewritten);
                    }
                }
                _ => token.to_tokens(&mut rewritten),
            }
        }
        rewritten
    }

    fn is_ours(&self, attribute: &Group) -> bool {
        let words = attribute.stream().into_iter().take_while(|token| !matches!(token, TokenTree::Group(_)));
        let last: Option<Ident> = words
            .filter_map(|token| match token {
                TokenTree::Ident(word) => Some(word),
                _ => None,
            })
            .last();
        attribute.delimiter() == Delimiter::Bracket && last.is_some_and(|last| last == self.name || last == "audited")
    }

    fn extended(&self, attribute: TokenStream) -> TokenStream {
        let handed = &self.handed;
        let mut tokens: Vec<TokenTree> = attribute.into_iter().collect();
        match tokens.last_mut() {
            Some(TokenTree::Group(arguments)) => {
                let own = arguments.stream();
                let comma = (!ends_with_comma(&own)).then(|| quote!(,));
                *arguments = regrouped(arguments, quote!(#own #comma #handed));
            }
            _ => tokens.push(Group::new(Delimiter::Parenthesis, handed.clone()).into()),
        }
        tokens.into_iter().collect()
    }
}

fn ends_with_comma(tokens: &TokenStream) -> bool {
    matches!(tokens.clone().into_iter().last(), None | Some(TokenTree::Punct(_)))
}

fn regrouped(group: &Group, stream: TokenStream) -> Group {
    let mut regrouped = Group::new(group.delimiter(), stream);
    regrouped.set_span(group.span());
    regrouped
}

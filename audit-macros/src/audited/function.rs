//! The function, as far as it must be understood. Its body is carried along unread, so that a half-typed
//! one still expands.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::visit::{self, Visit};
use syn::{
    Attribute, FnArg, GenericArgument, PatIdent, PathArguments, PathSegment, ReceiverKind, ReturnType, Signature,
    Token, Type, TypeImplTrait, TypeParamBound, Visibility, braced, token,
};

/// A function or method with a body.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) attributes: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) signature: Signature,
    pub(super) inner_attributes: Vec<Attribute>,
    /// The body's own braces: the compiler keeps some lints back from functions that end in a macro's tokens.
    pub(super) braces: token::Brace,
    pub(super) body: TokenStream,
    /// Braces, inner attributes and body, as they came: a mistake in half-typed ones is then the same before and after the
    /// expansion, and reported once.
    group: Group,
}

/// What a function gives to its caller.
#[derive(Debug)]
pub(super) enum Gives {
    /// The value itself, or an async function's future of it.
    Value(Type),
    /// A future of the value, as `impl Future`.
    Future(Type),
    /// A future of the value, in a `Pin<Box<…>>`.
    BoxedFuture(Type),
}

impl Gives {
    /// The type of the value.
    pub(super) const fn value(&self) -> &Type {
        match self {
            Self::Value(ty) | Self::Future(ty) | Self::BoxedFuture(ty) => ty,
        }
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        if !(input.peek(Token![fn]) || input.peek2(Token![fn]) || input.fork().parse::<Signature>().is_ok()) {
            return Err(input.error("`#[audited]` stands on functions and methods"));
        }
        let signature: Signature = input.parse()?;
        if input.peek(Token![;]) {
            let message = "`#[audited]` needs a body to watch: put it on the implementation";
            return Err(syn::Error::new(signature.ident.span(), message));
        }
        let start = input.fork();
        let body;
        let braces = braced!(body in input);
        let inner_attributes = body.call(Attribute::parse_inner)?;
        Ok(Self {
            attributes,
            vis,
            signature,
            inner_attributes,
            braces,
            body: body.parse()?,
            group: start.call(group)?,
        })
    }
}

impl Function {
    /// The names that the parameters bind, those inside patterns included.
    pub(super) fn bindings(&self) -> Vec<Ident> {
        let mut bindings = Bindings(Vec::new());
        for input in &self.signature.inputs {
            if let FnArg::Typed(parameter) = input {
                bindings.visit_pat(&parameter.pat);
            }
        }
        bindings.0
    }

    /// The names that hold what was given by value and may have something to drop, each with the attributes of its
    /// parameter.
    pub(super) fn owned(&self) -> Vec<(&[Attribute], Ident)> {
        let mut owned = Vec::new();
        for input in &self.signature.inputs {
            match input {
                FnArg::Receiver(receiver) if owns(&receiver.kind) => {
                    owned.push((receiver.attrs.as_slice(), Ident::new("self", receiver.self_token.span)));
                }
                FnArg::Typed(parameter) if may_drop(&parameter.ty) => {
                    let mut bindings = Bindings(Vec::new());
                    bindings.visit_pat(&parameter.pat);
                    owned.extend(bindings.0.into_iter().map(|name| (parameter.attrs.as_slice(), name)));
                }
                FnArg::Receiver(_) | FnArg::Typed(_) => {}
            }
        }
        owned
    }

    /// The body in its own braces: what the compiler has to say of the block, it says there.
    pub(super) fn block(&self) -> TokenStream {
        if self.inner_attributes.is_empty() {
            return self.group.to_token_stream();
        }
        let mut block = TokenStream::new();
        self.braces.surround(&mut block, |tokens| self.body.to_tokens(tokens));
        block
    }

    /// The body behind something of ours.
    pub(super) fn block_behind(&self, ours: &TokenStream) -> TokenStream {
        // On one line, the compiler would find braces within ours superfluous.
        let behind = if self.is_on_one_line() { self.body.clone() } else { self.block() };
        quote!({ #ours #behind })
    }

    /// No line is known outside of a compilation.
    fn is_on_one_line(&self) -> bool {
        let (open, close) = (self.braces.span.open(), self.braces.span.close());
        proc_macro::is_available() && open.unwrap().line() == close.unwrap().line()
    }

    pub(super) const fn is_async(&self) -> bool {
        self.signature.asyncness.is_some()
    }

    /// What the function gives, as far as its tokens tell.
    pub(super) fn gives(&self) -> Gives {
        match &self.signature.output {
            ReturnType::Type(_, ty) if !self.is_async() => {
                returned_future(ungrouped(ty)).unwrap_or_else(|| Gives::Value(self.output()))
            }
            _ => Gives::Value(self.output()),
        }
    }

    /// The return type.
    pub(super) fn output(&self) -> Type {
        match &self.signature.output {
            ReturnType::Type(_, ty) => ungrouped(ty).clone(),
            ReturnType::Default => syn::parse_quote!(()),
        }
    }

    /// Whether the signature shows that there is no success value to look at.
    pub(super) fn returns_nothing(&self) -> bool {
        let text = self.value_text();
        text == "()" || text == "!" || text.starts_with("Result<(),") || text == "Result<()>"
    }

    /// Whether the signature shows that there is no error to look at.
    pub(super) fn returns_no_error(&self) -> bool {
        matches!(self.value_text().as_str(), "()" | "!")
    }

    /// Whether the return type hides a response, as `impl IntoResponse`, or in actix-web `impl Responder`.
    pub(super) fn hides_a_response(&self) -> bool {
        let mut hidden = HiddenResponse(false);
        hidden.visit_type(self.gives().value());
        hidden.0
    }

    pub(super) fn never_returns(&self) -> bool {
        self.value_text() == "!"
    }

    fn value_text(&self) -> String {
        self.gives().value().to_token_stream().to_string().replace(' ', "")
    }
}

struct Bindings(Vec<Ident>);

impl<'ast> Visit<'ast> for Bindings {
    fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
        self.0.push(pat.ident.clone());
        visit::visit_pat_ident(self, pat);
    }
}

fn owns(receiver: &ReceiverKind) -> bool {
    match receiver {
        ReceiverKind::Value => true,
        ReceiverKind::Typed(_, ty) => may_drop(ty),
        _ => false,
    }
}

/// Whether a type, as far as its tokens tell, has something to drop.
fn may_drop(ty: &Type) -> bool {
    const COPIED: &[&str] = &[
        "bool", "char", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize", "f32",
        "f64",
    ];
    match ungrouped(ty) {
        Type::Reference(_) | Type::Ptr(_) | Type::FnPtr(_) | Type::Never(_) => false,
        Type::Path(path) => !COPIED.iter().any(|name| path.path.is_ident(name)),
        _ => true,
    }
}

/// The next group: a macro that was given a block hands it on within one that nobody sees.
fn group(input: ParseStream<'_>) -> syn::Result<Group> {
    let mut tokens = TokenStream::from(input.parse::<TokenTree>()?).into_iter();
    loop {
        match (tokens.next(), tokens.next()) {
            (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
                tokens = group.stream().into_iter();
            }
            (Some(TokenTree::Group(group)), None) => return Ok(group),
            _ => return Err(input.error("expected a body in braces")),
        }
    }
}

/// The type itself: one that comes through a macro stands in a group that nobody sees.
fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        _ => ty,
    }
}

struct HiddenResponse(bool);

impl<'ast> Visit<'ast> for HiddenResponse {
    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        self.0 |= ty.bounds.iter().any(|bound| {
            matches!(bound, TypeParamBound::Trait(bound)
                if bound.path.segments.last().is_some_and(|last| last.ident == "IntoResponse" || last.ident == "Responder"))
        });
        visit::visit_type_impl_trait(self, ty);
    }
}

/// Of a type that is a future as far as its tokens tell, what it gives.
fn returned_future(ty: &Type) -> Option<Gives> {
    match ty {
        Type::ImplTrait(ty) => output_of(&ty.bounds).map(Gives::Future),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            match (last.ident.to_string().as_str(), types_in(last).last()?) {
                ("BoxFuture" | "LocalBoxFuture", output) => Some(Gives::BoxedFuture((*output).clone())),
                ("Pin", Type::Path(boxed)) => {
                    let last = boxed.path.segments.last().filter(|last| last.ident == "Box")?;
                    match types_in(last).first()? {
                        Type::TraitObject(ty) => output_of(&ty.bounds).map(Gives::BoxedFuture),
                        _ => None,
                    }
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The `T` of `Future<Output = T>` among bounds; `_` where it is not said.
fn output_of<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> Option<Type> {
    let last = bounds.into_iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().filter(|last| last.ident == "Future"),
        _ => None,
    })?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return Some(syn::parse_quote!(_)) };
    let output = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(assigned) if assigned.ident == "Output" => Some(assigned.ty.clone()),
        _ => None,
    });
    Some(output.unwrap_or_else(|| syn::parse_quote!(_)))
}

fn types_in(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

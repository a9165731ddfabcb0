//! The function, as far as it must be understood. Its body is carried along unread, so that a half-typed
//! one still expands.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::visit::{self, Visit};
use syn::{Attribute, FnArg, PatIdent, ReturnType, Signature, Token, Type, Visibility, braced};

/// A function or method with a body.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) attributes: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) signature: Signature,
    pub(super) inner_attributes: Vec<Attribute>,
    pub(super) body: TokenStream,
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
        let body;
        braced!(body in input);
        let inner_attributes = body.call(Attribute::parse_inner)?;
        Ok(Self { attributes, vis, signature, inner_attributes, body: body.parse()? })
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

    pub(super) const fn is_async(&self) -> bool {
        self.signature.asyncness.is_some()
    }

    /// Whether the signature shows that there is no success value to look at.
    pub(super) fn returns_nothing(&self) -> bool {
        match &self.signature.output {
            ReturnType::Default => true,
            ReturnType::Type(_, ty) => {
                let text = ty.to_token_stream().to_string().replace(' ', "");
                text == "()" || text == "!" || text.starts_with("Result<(),") || text == "Result<()>"
            }
        }
    }

    pub(super) fn never_returns(&self) -> bool {
        matches!(&self.signature.output, ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)))
    }
}

struct Bindings(Vec<Ident>);

impl<'ast> Visit<'ast> for Bindings {
    fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
        self.0.push(pat.ident.clone());
        visit::visit_pat_ident(self, pat);
    }
}

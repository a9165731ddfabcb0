//! Who calls: a person with a session, or a program with an API key.

use audit_core::context;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;

use super::sessions::COOKIE;
use crate::app::App;
use crate::caller::{Caller, Right};
use crate::token::Token;
use crate::{Error, keys, sessions};

/// Finds out who calls, and says so to the handlers and to the audit log. Nobody is refused here.
pub(super) async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Result<Response, Error> {
    if let Some(caller) = identify(&app, request.headers()).await? {
        context::update(|context| context.with_actor(caller.actor()));
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
}

async fn identify(app: &App, headers: &HeaderMap) -> Result<Option<Caller>, Error> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(token) = text(header::AUTHORIZATION).strip_prefix("Bearer ") {
        return keys::holder(app.db(), &token.into()).await;
    }
    let cookies = text(header::COOKIE).split("; ").filter_map(|pair| pair.split_once('='));
    let token: Option<Token> = cookies.filter(|(name, _)| *name == COOKIE).map(|(_, token)| token.into()).next();
    match token {
        Some(token) => sessions::holder(app.db(), &token).await,
        None => Ok(None),
    }
}

/// A handler that takes a `Caller` has one.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts.extensions.get::<Self>().cloned().ok_or(Error::Unauthenticated)
    }
}

/// Lets admins see what comes behind it.
///
/// # Errors
///
/// When somebody else asks.
pub async fn admins_alone(caller: Caller, request: Request, next: Next) -> Result<Response, Error> {
    caller.demand(Right::Administer)?;
    Ok(next.run(request).await)
}

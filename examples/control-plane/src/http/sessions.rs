//! `/sessions`, and the page to sign in at.

use axum::extract::{Form, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderName, StatusCode};
use axum::response::{Html, Redirect};
use serde::Deserialize;

use crate::app::App;
use crate::caller::Caller;
use crate::token::Token;
use crate::{Error, sessions};

/// The cookie that holds the session's token. Other sites cannot have the browser send it (`SameSite`); behind TLS, add `Secure`.
pub(super) const COOKIE: &str = "session";

#[derive(Deserialize)]
pub(super) struct Credentials {
    token: String,
}

pub(super) async fn form() -> Html<&'static str> {
    Html(
        "<!doctype html><html lang=en><title>Control plane</title><form method=post action=sessions>\
         <label>The token of your invitation <input name=token type=password required></label> <button>Sign in</button></form>",
    )
}

pub(super) async fn sign_in(
    State(app): State<App>,
    Form(Credentials { token }): Form<Credentials>,
) -> Result<([(HeaderName, String); 1], Redirect), Error> {
    let session = sessions::sign_in(app.db(), &Token::from(token.trim())).await?;
    let (token, age) = (session.token.reveal(), sessions::LIFETIME);
    let cookie = format!("{COOKIE}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict");
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/audit/entries")))
}

pub(super) async fn sign_out(State(app): State<App>, caller: Caller) -> Result<StatusCode, Error> {
    let Caller::User { session_id, .. } = caller else { return Err(Error::Forbidden("whoever has no session")) };
    sessions::end(app.db(), &session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Who may see the pages that `audit serve` serves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::headers;
use super::hex::hex;
use super::message::{Message, html};
use super::router::root;

/// How long the form's content may take to arrive, and its most bytes.
const FORM_TIME: Duration = Duration::from_secs(15);
const FORM_BYTES: usize = 4_096;
const COOKIE: &str = "audit_viewer";
/// How long a browser stays logged in, in seconds.
const SESSION: u32 = 43_200;

/// A token, as the hash of it and of what the cookie says.
#[derive(Clone)]
pub(crate) struct Token {
    bearer: [u8; 32],
    cookie: String,
}

impl Token {
    /// Fewest characters of a token: less can be guessed.
    pub(crate) const FEWEST: usize = 16;

    pub(crate) fn new(text: &str) -> Self {
        // From the cookie nobody learns the token.
        let cookie = hex(&hash(&format!("audit viewer session {text}")));
        Self { bearer: hash(text), cookie }
    }

    /// Whether a text is the token, in a time that does not depend on where they differ.
    fn is(&self, text: &str) -> bool {
        same(&self.bearer, &hash(text))
    }

    fn is_shown_by(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let cookies = text(header::COOKIE).unwrap_or_default().split("; ").filter_map(|pair| pair.split_once('='));
        let mut cookie = cookies.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value);
        bearer.is_some_and(|token| self.is(token)) || cookie.any(|value| same(&hash(value), &hash(&self.cookie)))
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.iter().zip(right).fold(0, |difference, (left, right)| difference | (left ^ right)) == 0
}

/// The pages for whoever has the token: as a bearer, or in a cookie that the form at `/login` sets.
pub(crate) fn behind_token(pages: Router, token: &Token) -> Router {
    let login = Router::new()
        .route("/login", get(async |uri: Uri| form(&uri, Attempt::None)).post(log_in))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(from_fn(in_time))
        .layer(map_response(headers::add))
        .with_state(token.clone());
    pages.layer(from_fn_with_state(token.clone(), require)).merge(login)
}

/// The pages for whoever is on this machine. A page from elsewhere that has its own name point here is refused: it would
/// read the log with its visitor's browser.
pub(crate) fn on_loopback(pages: Router, address: SocketAddr) -> Router {
    pages.layer(from_fn_with_state(Arc::new(address), require_own_name))
}

async fn in_time(request: Request, next: Next) -> Response {
    timeout(FORM_TIME, next.run(request)).await.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

async fn require(State(token): State<Token>, request: Request, next: Next) -> Response {
    let open = request.uri().path().starts_with("/assets/");
    if open || token.is_shown_by(request.headers()) {
        return next.run(request).await;
    }
    let response = form(request.uri(), Attempt::None);
    headers::add(response).await
}

async fn require_own_name(State(address): State<Arc<SocketAddr>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = format!(":{}", address.port());
    let name = host.strip_suffix(&port).unwrap_or(host);
    let own = ["localhost", "127.0.0.1", "[::1]"].contains(&name) || host == address.to_string();
    if own {
        return next.run(request).await;
    }
    let text =
        "Here the log is shown under the names localhost and 127.0.0.1 alone. For others, give `audit serve` a token.";
    let response = Message::new(StatusCode::FORBIDDEN, "Not under this name", text).response(request.uri());
    headers::add(response).await
}

#[derive(Deserialize)]
struct Credentials {
    token: String,
}

async fn log_in(State(token): State<Token>, uri: Uri, Form(credentials): Form<Credentials>) -> Response {
    if !token.is(credentials.token.trim()) {
        return form(&uri, Attempt::Wrong);
    }
    let cookie = format!("{COOKIE}={}; Path=/; Max-Age={SESSION}; HttpOnly; SameSite=Strict", token.cookie);
    let about = [(header::SET_COOKIE, cookie), (header::LOCATION, "entries".to_owned())];
    (StatusCode::SEE_OTHER, about).into_response()
}

/// Whether a token was tried.
#[derive(Clone, Copy)]
enum Attempt {
    None,
    Wrong,
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page {
    root: String,
    wrong: bool,
}

fn form(uri: &Uri, attempt: Attempt) -> Response {
    let page = Page { root: root(uri), wrong: matches!(attempt, Attempt::Wrong) };
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], html(&page)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};
    use futures_util::stream;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    async fn status(body: Body) -> StatusCode {
        let pages = behind_token(Router::new(), &Token::new("0123456789abcdef"));
        let request = Request::post("/login").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = TowerToHyperService::new(pages).call(request.body(body).unwrap());
        timeout(FORM_TIME * 2, answer).await.expect("an answer in time").unwrap().status()
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_that_does_not_arrive_or_is_too_large_is_given_up() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(status(never).await, StatusCode::REQUEST_TIMEOUT);
        assert_eq!(status(format!("token={}", "x".repeat(FORM_BYTES)).into()).await, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(status("token=0123456789abcdef".into()).await, StatusCode::SEE_OTHER);
    }
}

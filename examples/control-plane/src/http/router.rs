//! Which address does what.

use audit_core::http::{ContextLayer, TrustedProxies};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, patch, post, put};

use super::authenticate::authenticate;
use super::{keys, projects, readiness, secrets, sessions, users};
use crate::app::App;

/// The routes. `log` is what is shown under `/audit`.
pub fn router(app: App, proxies: TrustedProxies, log: Router) -> Router {
    let open = Router::new().route("/", get(sessions::form)).route("/ready", get(readiness::ready));
    Router::new()
        .route("/projects", get(projects::list).post(projects::create))
        .route("/projects/{project_id}", patch(projects::update).delete(projects::delete))
        .route("/projects/{project_id}/usage", post(projects::record_usage))
        .route("/projects/{project_id}/suspension", put(projects::suspend))
        .route("/projects/{project_id}/keys", post(keys::create))
        .route("/projects/{project_id}/secrets", post(secrets::create))
        .route("/projects/{project_id}/secrets/{name}", get(secrets::read).put(secrets::rotate))
        .route("/keys/{key_id}", delete(keys::revoke))
        .route("/keys/{key_id}/rotation", post(keys::rotate))
        .route("/users", post(users::invite))
        .route("/users/{user_id}", delete(users::remove))
        .route("/users/{user_id}/role", put(users::change_role))
        .route("/sessions", post(sessions::sign_in))
        .route("/sessions/current", delete(sessions::sign_out))
        .with_state(app.clone())
        .nest("/audit", log)
        .layer(from_fn_with_state(app.clone(), authenticate))
        .merge(open.with_state(app))
        // The last layer is the outermost: whatever the others do, they do in the context of the request.
        .layer(ContextLayer::new().trust(proxies))
}

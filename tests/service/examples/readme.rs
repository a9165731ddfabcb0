//! A service on axum, audited.

use std::net::SocketAddr;
use std::time::Duration;

use audit_core::http::ContextLayer;
use audit_core::{Actor, audited, context};
use axum::Router;
use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::delete;

#[audited(action = "project.deleted", target_id = project)]
async fn delete_project(Path(project): Path<String>) -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn authenticate(request: Request, next: Next) -> Response {
    // … the session is that of user_123 …
    context::update(|context| context.with_actor(Actor::user("user_123")));
    next.run(request).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let writer = audit_core::init("sqlite:audit.db").await?;
    let app = Router::new()
        .route("/projects/{project}", delete(delete_project))
        .layer(from_fn(authenticate))
        .layer(ContextLayer::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    // It tells the layer who is connected: with `axum::serve(listener, app)`, entries have no address.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    writer.shutdown(Duration::from_secs(10)).await;
    Ok(())
}

//! A service on actix-web, audited.

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Path, delete};
use actix_web::{App, Error, HttpResponse, HttpServer};
use audit_core::http::ContextMiddleware;
use audit_core::{Actor, audited, context};

#[audited(action = "project.deleted", target_id = project)]
async fn delete_project(project: Path<String>) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

async fn authenticate(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    // … the session is that of user_123 …
    context::update(|context| context.with_actor(Actor::user("user_123")));
    next.call(request).await
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let writer = audit_core::init("sqlite:audit.db").await?;
    let app = || {
        App::new()
            .route("/projects/{project}", delete().to(delete_project))
            .wrap(from_fn(authenticate))
            .wrap(ContextMiddleware::new())
    };
    HttpServer::new(app).bind("127.0.0.1:3000")?.run().await?;
    writer.shutdown(Duration::from_secs(10)).await;
    Ok(())
}

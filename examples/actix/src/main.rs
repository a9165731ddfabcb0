//! A service on actix-web: one middleware, and an attribute on each handler.
//!
//! ```text
//! cargo run -p actix-example
//! curl -X DELETE -H 'x-user: user_123' http://127.0.0.1:8080/projects/proj_456
//! DATABASE_URL=sqlite:actix.db audit query
//! ```

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::ErrorForbidden;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Path};
use actix_web::{App, Error, HttpResponse, HttpServer};
use audit_core::http::ContextMiddleware;
use audit_core::{Actor, Context, audited, context};

/// A response of 403, or the error that becomes one, is recorded as denied.
#[audited(action = "project.deleted", target_id = project)]
async fn delete(project: Path<String>) -> Result<HttpResponse, Error> {
    if Context::current().actor().is_none() {
        return Err(ErrorForbidden("sign in first"));
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Whoever authenticates says in the context who calls. (Look a session up here; do not believe a header.)
async fn authenticate(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(user) = request.headers().get("x-user").and_then(|user| user.to_str().ok()) {
        context::update(|context| context.with_actor(Actor::user(user)));
    }
    next.call(request).await
}

fn routes(config: &mut web::ServiceConfig) {
    config.route("/projects/{project}", web::delete().to(delete));
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let writer = audit_core::init("sqlite:actix.db").await?;
    // What is wrapped last is outermost: the others run in the context of the request.
    let app = || App::new().configure(routes).wrap(from_fn(authenticate)).wrap(ContextMiddleware::new());
    HttpServer::new(app).workers(1).bind("127.0.0.1:8080")?.run().await?;
    writer.shutdown(Duration::from_secs(10)).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use actix_web::test;
    use audit_core::{assert_audited, testing};

    use super::*;

    #[actix_web::test]
    async fn whoever_deletes_a_project_is_on_record() {
        let _audit = testing::capture();
        let app = App::new().configure(routes).wrap(from_fn(authenticate)).wrap(ContextMiddleware::new());
        let service = test::init_service(app).await;
        let request = test::TestRequest::delete().uri("/projects/proj_456").insert_header(("x-user", "user_123"));
        let response = test::call_service(&service, request.to_request()).await;
        let request_id = response.headers().get("x-request-id").unwrap().to_str().unwrap();
        assert_audited!(
            action = "project.deleted",
            target = "project:proj_456",
            actor = "user:user_123",
            outcome = success,
            request_id = request_id,
        );

        let request = test::TestRequest::delete().uri("/projects/proj_456");
        let response = test::call_service(&service, request.to_request()).await;
        assert_eq!(response.status(), 403);
        assert_audited!(action = "project.deleted", outcome = denied, error = "sign in first");
    }
}

//! Entries name the trace and the span in which they were made.

use audit_core::http::ContextLayer;
use audit_core::testing::{self, Capture};
use audit_core::{AuditAction, Context, Entry, Row, audited, context};
use opentelemetry::trace::{SpanContext, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tracing::subscriber::DefaultGuard;
use tracing::{Span, info_span, instrument};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;

#[audited(action = "project.deleted")]
fn delete(project_id: u64) -> SpanContext {
    here()
}

#[instrument]
async fn handle() -> SpanContext {
    tokio::task::yield_now().await;
    delete_later(7).await
}

#[audited(action = "project.deleted")]
async fn delete_later(project_id: u64) -> SpanContext {
    tokio::task::yield_now().await;
    here()
}

/// What OpenTelemetry knows of the current span of `tracing`.
fn here() -> SpanContext {
    Span::current().context().span().span_context().clone()
}

fn tracer() -> Tracer {
    SdkTracerProvider::builder().build().tracer("tests")
}

/// Has OpenTelemetry listen to the spans of this thread.
fn listen() -> DefaultGuard {
    let layer = tracing_opentelemetry::layer().with_tracer(tracer());
    tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
}

#[track_caller]
fn assert_made_in(row: &Row, span: &SpanContext) {
    assert!(span.is_valid());
    let (trace_id, span_id) = (span.trace_id().to_string(), span.span_id().to_string());
    assert_eq!((trace_id.len(), span_id.len()), (32, 16));
    assert_eq!((row.trace_id.as_deref(), row.span_id.as_deref()), (Some(&*trace_id), Some(&*span_id)));
}

#[test]
fn an_entry_names_the_span_in_which_it_was_made() {
    let (_listening, audit) = (listen(), testing::capture());
    let outer = info_span!("outer").in_scope(|| {
        let span = info_span!("inner").in_scope(|| delete(7));
        assert_made_in(&audit.rows()[0], &span);
        here()
    });
    assert_eq!(audit.rows()[0].trace_id, Some(outer.trace_id().to_string()));
    assert_ne!(audit.rows()[0].span_id, Some(outer.span_id().to_string()));
}

#[tokio::test]
async fn so_does_one_of_a_future() {
    let (_listening, audit) = (listen(), testing::capture());
    let span = handle().await;
    assert_made_in(&audit.rows()[0], &span);
}

#[test]
fn so_does_one_that_is_made_by_hand() {
    let (_listening, audit) = (listen(), testing::capture());
    let span = info_span!("by hand").in_scope(|| {
        let action = AuditAction::ProjectDeleted { reason: None };
        audit.auditor().record(Entry::builder(action).build()).blocking().unwrap();
        here()
    });
    assert_made_in(&audit.rows()[0], &span);
}

#[test]
fn without_spans_of_tracing_it_is_opentelemetrys_own() {
    let audit = testing::capture();
    let _attached = opentelemetry::Context::current_with_span(tracer().start("own")).attach();
    delete(7);
    let span = opentelemetry::Context::map_current(|context| context.span().span_context().clone());
    assert_made_in(&audit.rows()[0], &span);
}

#[test]
fn outside_of_every_span_there_are_no_ids() {
    let (_listening, audit) = (listen(), testing::capture());
    delete(7);
    assert_eq!((&audit.rows()[0].trace_id, &audit.rows()[0].span_id), (&None, &None));
}

#[test]
fn what_the_context_says_goes_before() {
    let (_listening, audit) = (listen(), testing::capture());
    let told = Context::new().with_trace_id("0af7651916cd43dd8448eb211c80319c").with_auditor(audit.auditor().clone());
    info_span!("other").in_scope(|| context::sync_scope(told, || delete(7)));
    let row = &audit.rows()[0];
    assert_eq!((row.trace_id.as_deref(), row.span_id.as_deref()), (Some("0af7651916cd43dd8448eb211c80319c"), None));
}

/// The entry of a request with a `traceparent`.
async fn requested() -> (Row, SpanContext) {
    let audit = Capture::new();
    let service = service_fn(async |_: http::Request<()>| {
        delete(7);
        Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
    });
    let service = ServiceBuilder::new().layer(ContextLayer::new()).service(service);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = http::Request::builder().header("traceparent", parent).body(()).unwrap();
    audit.scope(service.oneshot(request)).await.unwrap();
    (audit.rows().remove(0), here())
}

#[tokio::test]
async fn a_requests_traceparent_counts_where_opentelemetry_knows_no_span() {
    let (row, _) = requested().await;
    assert_eq!(row.span_id.as_deref(), Some("b7ad6b7169203331"));
    let _listening = listen();
    let (row, span) = traced_request().await;
    assert_made_in(&row, &span);
}

#[instrument]
async fn traced_request() -> (Row, SpanContext) {
    requested().await
}

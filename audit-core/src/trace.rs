//! The trace that the work in progress belongs to, as OpenTelemetry knows it. Without the feature `otel` there is none.

#[cfg(feature = "otel")]
pub(crate) use known::Trace;
#[cfg(not(feature = "otel"))]
pub(crate) use unknown::Trace;

#[cfg(feature = "otel")]
mod known {
    use opentelemetry::Context;
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceId};
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    /// A trace, and a span within it.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Trace {
        trace_id: TraceId,
        span_id: SpanId,
    }

    impl Trace {
        /// That of the current span: of `tracing`, where a layer of `tracing-opentelemetry` listens, otherwise of OpenTelemetry
        /// itself.
        pub(crate) fn current() -> Option<Self> {
            let of_tracing = tracing::Span::current().context();
            Self::of(of_tracing.span().span_context())
                .or_else(|| Context::map_current(|context| Self::of(context.span().span_context())))
        }

        fn of(span: &SpanContext) -> Option<Self> {
            span.is_valid().then(|| Self { trace_id: span.trace_id(), span_id: span.span_id() })
        }

        /// 32 hexadecimal digits.
        pub(crate) fn trace_id(self) -> String {
            self.trace_id.to_string()
        }

        /// 16 hexadecimal digits.
        pub(crate) fn span_id(self) -> String {
            self.span_id.to_string()
        }
    }
}

#[cfg(not(feature = "otel"))]
mod unknown {
    /// Nobody knows one.
    #[derive(Debug, Clone, Copy)]
    pub(crate) enum Trace {}

    impl Trace {
        pub(crate) const fn current() -> Option<Self> {
            None
        }

        pub(crate) fn trace_id(self) -> String {
            match self {}
        }

        pub(crate) fn span_id(self) -> String {
            match self {}
        }
    }
}

//! The body of a response, which is made after the handler has returned.

use std::pin::Pin;
use std::task::{self, Poll};

use pin_project_lite::pin_project;

use super::watch::Watch;
use crate::Context;
use crate::Outcome;
use crate::context::enter;

/// What is recorded of a request whose body ends with an error.
const BROKEN: &str = "the body of the response failed";

pin_project! {
    /// A body in the context of its request, also when it is dropped before its end.
    #[derive(Debug, Default)]
    pub struct ContextBody<B> {
        // None once it is dropped.
        #[pin]
        body: Option<B>,
        watch: Option<Watch>,
        context: Context,
    }

    impl<B> PinnedDrop for ContextBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            enter(this.context, || {
                this.body.set(None);
                *this.watch = None;
            });
        }
    }
}

impl<B> ContextBody<B> {
    /// The end of the body is that of its request: at once, where nobody reads it, or there is nothing to read.
    pub(super) fn of(body: B, mut watch: Option<Watch>, is_over: bool, mut context: Context) -> Self {
        if is_over && let Some(watch) = watch.take() {
            enter(&mut context, || watch.end(Outcome::Success, None));
        }
        Self { body: Some(body), watch, context }
    }
}

/// Looks after what a body has given, and ends the watch with it.
fn watched<T, E>(watch: &mut Option<Watch>, given: &Poll<Option<Result<T, E>>>, is_over: bool) {
    let (outcome, error) = match given {
        Poll::Ready(Some(Err(_))) => (Outcome::Failure, Some(BROKEN.to_owned())),
        Poll::Ready(None) => (Outcome::Success, None),
        Poll::Ready(Some(Ok(_))) if is_over => (Outcome::Success, None),
        Poll::Ready(Some(Ok(_))) | Poll::Pending => return,
    };
    if let Some(watch) = watch.take() {
        watch.end(outcome, error);
    }
}

#[cfg(feature = "tower")]
impl<B: http_body::Body> http_body::Body for ContextBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let Some(mut body) = this.body.as_pin_mut() else { return Poll::Ready(None) };
        enter(this.context, || {
            let Some(watch) = this.watch else { return body.poll_frame(cx) };
            let polled = watch.watch(|| body.as_mut().poll_frame(cx));
            watched(this.watch, &polled, body.is_end_stream());
            polled
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.as_ref().map_or_else(|| http_body::SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

#[cfg(feature = "actix-web")]
impl<B: actix_web::body::MessageBody> actix_web::body::MessageBody for ContextBody<B> {
    type Error = B::Error;

    fn size(&self) -> actix_web::body::BodySize {
        self.body.as_ref().map_or(actix_web::body::BodySize::None, B::size)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<actix_web::web::Bytes, Self::Error>>> {
        let this = self.project();
        let Some(body) = this.body.as_pin_mut() else { return Poll::Ready(None) };
        enter(this.context, || {
            let Some(watch) = this.watch else { return body.poll_next(cx) };
            let polled = watch.watch(|| body.poll_next(cx));
            watched(this.watch, &polled, false);
            polled
        })
    }
}

//! One request in its context.

use std::pin::Pin;
use std::task::{self, Poll, ready};

use http::{HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::ContextBody;
use super::layer::{Identify, Settings};
use super::request_id::REQUEST_ID;
use crate::Context;
use crate::context::{Scope, scope, scope_of};
use crate::store::BoxFuture;

/// The service of a [`ContextLayer`](super::ContextLayer).
#[derive(Debug, Clone)]
pub struct ContextService<S> {
    inner: S,
    settings: Settings,
}

impl<S> ContextService<S> {
    pub(super) const fn new(inner: S, settings: Settings) -> Self {
        Self { inner, settings }
    }
}

impl<S, B, R> Service<Request<B>> for ContextService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ContextBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let context = self.settings.open(&parts);
        let context = match &self.settings.identify {
            None => context,
            Some(Identify::Now(identify)) => identify(&parts, context),
            Some(Identify::Later(identify)) => {
                let identified = scope(context.clone(), identify(&parts, context));
                // The service that is ready takes the request; its clone need not be.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                let waiting = Some((ready, Request::from_parts(parts, body)));
                return ResponseFuture { state: State::Identifying { identified, waiting } };
            }
        };
        let work = begin(&mut self.inner, Request::from_parts(parts, body), context);
        ResponseFuture { state: State::Working { work } }
    }
}

fn begin<S: Service<Request<B>>, B>(service: &mut S, request: Request<B>, context: Context) -> Scope<S::Future> {
    scope_of(context, || service.call(request))
}

pin_project! {
    /// The response to one request, which is made in its context.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Identifying {
            #[pin]
            identified: Scope<BoxFuture<'static, Context>>,
            // Taken when it begins.
            waiting: Option<(S, Request<B>)>,
        },
        Working {
            #[pin]
            work: Scope<S::Future>,
        },
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<ContextBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let work = match state.as_mut().project() {
                StateProjection::Working { mut work } => {
                    let response = ready!(work.as_mut().poll(cx))?;
                    return Poll::Ready(Ok(answer(response, work.context().clone())));
                }
                StateProjection::Identifying { identified, waiting } => {
                    let context = ready!(identified.poll(cx));
                    let (mut service, request) = waiting.take().expect("a request begins once");
                    begin(&mut service, request, context)
                }
            };
            state.set(State::Working { work });
        }
    }
}

fn answer<R>(response: Response<R>, context: Context) -> Response<ContextBody<R>> {
    let id = context.request_id().and_then(|id| HeaderValue::from_str(id).ok());
    let mut response = response.map(|body| ContextBody::new(body, context));
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

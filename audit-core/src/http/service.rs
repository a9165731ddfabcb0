//! One request in its context.

use std::pin::Pin;
use std::task::{self, Poll, ready};

use http::{HeaderValue, Method, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::ContextBody;
use super::layer::{Identify, Settings};
use super::request_id::REQUEST_ID;
use super::routes::Recorded;
use super::watch::Watch;
use super::watched::Watched;
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
    R: Body,
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
        let recorded = self.settings.routes.find(parts.method.as_str(), parts.uri.path());
        let is_head = parts.method == Method::HEAD;
        let context = match &self.settings.identify {
            None => context,
            Some(Identify::Now(identify)) => identify(&parts, context),
            Some(Identify::Later(identify)) => {
                let identified = scope(context.clone(), identify(&parts, context));
                // The service that is ready takes the request; its clone need not be.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                let waiting = Some((ready, Request::from_parts(parts, body), recorded));
                return ResponseFuture { state: State::Identifying { identified, waiting }, is_head };
            }
        };
        let work = begin(&mut self.inner, Request::from_parts(parts, body), recorded, context);
        ResponseFuture { state: State::Working { work }, is_head }
    }
}

fn begin<S: Service<Request<B>>, B>(
    service: &mut S,
    request: Request<B>,
    recorded: Option<Recorded>,
    context: Context,
) -> Scope<Watched<S::Future>> {
    scope_of(context, || Watched::new(service.call(request), recorded))
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
        is_head: bool,
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
            waiting: Option<(S, Request<B>, Option<Recorded>)>,
        },
        Working {
            #[pin]
            work: Scope<Watched<S::Future>>,
        },
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Output = Result<Response<ContextBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut state = this.state;
        loop {
            let work = match state.as_mut().project() {
                StateProjection::Working { mut work } => {
                    let (response, watch) = ready!(work.as_mut().poll(cx))?;
                    return Poll::Ready(Ok(answer(response, watch, *this.is_head, work.context().clone())));
                }
                StateProjection::Identifying { identified, waiting } => {
                    let context = ready!(identified.poll(cx));
                    let (mut service, request, recorded) = waiting.take().expect("a request begins once");
                    begin(&mut service, request, recorded, context)
                }
            };
            state.set(State::Working { work });
        }
    }
}

fn answer<R: Body>(
    response: Response<R>,
    watch: Option<Watch>,
    is_head: bool,
    context: Context,
) -> Response<ContextBody<R>> {
    let id = context.request_id().and_then(|id| HeaderValue::from_str(id).ok());
    // Nobody reads the body of an answer to HEAD.
    let mut response = response.map(|body| {
        let is_over = is_head || body.is_end_stream();
        ContextBody::of(body, watch, is_over, context)
    });
    if let Some(id) = id {
        response.headers_mut().insert(&REQUEST_ID, id);
    }
    response
}

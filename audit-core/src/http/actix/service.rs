//! One request in its context.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll, ready};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use pin_project_lite::pin_project;

use super::ContextMiddleware;
use super::middleware::Identify;
use crate::Context;
use crate::context::{Scope, scope, scope_of};
use crate::http::ContextBody;
use crate::http::request_id::REQUEST_ID;
use crate::http::routes::Recorded;
use crate::http::watch::Watch;
use crate::http::watched::Watched;

/// A future of one of the threads of actix-web.
pub(super) type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// The service of a [`ContextMiddleware`].
#[derive(Debug)]
pub struct ActixContextService<S> {
    inner: Rc<S>,
    settings: ContextMiddleware,
}

impl<S> ActixContextService<S> {
    pub(super) fn new(inner: S, settings: ContextMiddleware) -> Self {
        Self { inner: Rc::new(inner), settings }
    }
}

impl<S, B> Service<ServiceRequest> for ActixContextService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody,
{
    type Response = ServiceResponse<ContextBody<B>>;
    type Error = Error;
    type Future = ActixResponseFuture<S>;

    fn poll_ready(&self, cx: &mut task::Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let recorded = self.settings.routes.find(request.method().as_str(), request.path());
        let is_head = request.method() == Method::HEAD;
        let context = self.settings.open(&request);
        let context = match &self.settings.identify {
            None => context,
            Some(Identify::Now(identify)) => identify(&request, context),
            Some(Identify::Later(identify)) => {
                let identified = scope(context.clone(), identify(&request, context));
                let waiting = Some((Rc::clone(&self.inner), request, recorded));
                return ActixResponseFuture { state: State::Identifying { identified, waiting }, is_head };
            }
        };
        let work = begin(&*self.inner, request, recorded, context);
        ActixResponseFuture { state: State::Working { work }, is_head }
    }
}

fn begin<S: Service<ServiceRequest>>(
    service: &S,
    request: ServiceRequest,
    recorded: Option<Recorded>,
    context: Context,
) -> Scope<Watched<S::Future>> {
    scope_of(context, || Watched::new(service.call(request), recorded))
}

pin_project! {
    /// The response to one request, which is made in its context.
    #[must_use = "futures do nothing unless polled"]
    pub struct ActixResponseFuture<S>
    where
        S: Service<ServiceRequest>,
    {
        #[pin]
        state: State<S>,
        is_head: bool,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S>
    where
        S: Service<ServiceRequest>,
    {
        Identifying {
            #[pin]
            identified: Scope<LocalFuture<Context>>,
            // Taken when it begins.
            waiting: Option<(Rc<S>, ServiceRequest, Option<Recorded>)>,
        },
        Working {
            #[pin]
            work: Scope<Watched<S::Future>>,
        },
    }
}

impl<S, B> Future for ActixResponseFuture<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<ContextBody<B>>, Error>;

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
                    let (service, request, recorded) = waiting.take().expect("a request begins once");
                    begin(&*service, request, recorded, context)
                }
            };
            state.set(State::Working { work });
        }
    }
}

fn answer<B: MessageBody>(
    response: ServiceResponse<B>,
    watch: Option<Watch>,
    is_head: bool,
    context: Context,
) -> ServiceResponse<ContextBody<B>> {
    let id = context.request_id().and_then(|id| HeaderValue::from_str(id).ok());
    // Nobody reads the body of an answer to HEAD.
    let mut response = response.map_body(|_, body| {
        let is_over = is_head || body.size().is_eof();
        ContextBody::of(body, watch, is_over, context)
    });
    if let Some(id) = id {
        response.headers_mut().insert(HeaderName::from_static(REQUEST_ID.as_str()), id);
    }
    response
}

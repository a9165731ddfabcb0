//! The future of a service, watched over if its request is recorded.

use std::pin::Pin;
use std::task::{self, Poll, ready};

use pin_project_lite::pin_project;

use super::routes::Recorded;
use super::watch::Watch;
use crate::auditor::Reserving;
use crate::{AuditOutcome, Auditor, Outcome};

/// The head of a response, whatever the framework.
pub(super) trait Head {
    /// Its status, which says how the request ended.
    fn status(&self) -> impl AuditOutcome;
}

#[cfg(feature = "tower")]
impl<B> Head for http::Response<B> {
    fn status(&self) -> impl AuditOutcome {
        self.status()
    }
}

#[cfg(feature = "actix-web")]
impl<B> Head for actix_web::dev::ServiceResponse<B> {
    fn status(&self) -> impl AuditOutcome {
        self.status()
    }
}

pin_project! {
    /// The future of a service, watched over if its request is recorded. Everything happens in the context of the request,
    /// which whoever authenticates may complete until the end.
    #[must_use = "futures do nothing unless polled"]
    pub(super) struct Watched<F> {
        #[pin]
        future: F,
        watch: Option<Watch>,
        reserving: Reserving,
    }
}

impl<F> Watched<F> {
    pub(super) fn new(future: F, recorded: Option<Recorded>) -> Self {
        let watch = recorded.filter(|_| !Auditor::is_disabled_here()).map(Watch::new);
        Self { future, watch, reserving: Reserving::new() }
    }
}

impl<F, R, E> Future for Watched<F>
where
    F: Future<Output = Result<R, E>>,
    R: Head,
{
    /// The response, and what watches over its body.
    type Output = Result<(R, Option<Watch>), E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(watch) = this.watch else {
            return this.future.poll(cx).map_ok(|response| (response, None));
        };
        ready!(watch.poll_begin(this.reserving, cx));
        let response = ready!(watch.watch(|| this.future.poll(cx)));
        let watch = this.watch.take().expect("it was there a moment ago");
        let response = match response {
            Ok(response) => response,
            Err(error) => {
                watch.end(Outcome::Failure, Some("the service failed".to_owned()));
                return Poll::Ready(Err(error));
            }
        };
        // A status that is no success tells the end; of a success, the body does.
        let status = response.status();
        let watch = match status.audit_outcome() {
            Outcome::Success => Some(watch),
            outcome => {
                watch.end(outcome, status.audit_error());
                None
            }
        };
        drop(status);
        Poll::Ready(Ok((response, watch)))
    }
}

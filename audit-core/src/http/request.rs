//! What a request says of itself before anybody is authenticated, whatever framework it came through.

use std::net::IpAddr;

use super::request_id::{REQUEST_ID, request_id};
use super::trace_parent::TraceParent;
use super::{TrustedProxies, client_address};
use crate::Context;
use crate::trace::Trace;

/// The headers of a request.
pub(super) trait Headers {
    /// The values of one, by its name in lower case, in the order in which they stand in the request.
    fn values<'a>(&'a self, name: &str) -> impl DoubleEndedIterator<Item = &'a [u8]>;
}

/// The context of a request that `peer` sent.
pub(super) fn open(headers: &impl Headers, peer: Option<IpAddr>, proxies: &TrustedProxies) -> Context {
    let mut context = Context::new().with_request_id(request_id(headers.values(REQUEST_ID)));
    if let Some(peer) = peer {
        let values = headers.values(proxies.header().name());
        context = context.with_ip_address(client_address(peer, values, proxies));
    }
    if let Some(agent) = headers.values("user-agent").next() {
        context = context.with_user_agent(String::from_utf8_lossy(agent));
    }
    // Where OpenTelemetry knows the span that this is done in, it is better than that of whoever sent the request.
    if Trace::current().is_none()
        && let Some(parent) = TraceParent::read(headers.values("traceparent"))
    {
        context = context.with_trace_id(parent.trace_id).with_span_id(parent.span_id);
    }
    context
}

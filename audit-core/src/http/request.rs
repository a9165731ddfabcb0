//! What a request says of itself before anybody is authenticated, whatever framework it came through.

use std::net::IpAddr;

use http::HeaderName;
use http::header::USER_AGENT;

use super::request_id::{REQUEST_ID, request_id};
use super::trace_parent::{TRACE_PARENT, TraceParent};
use super::{TrustedProxies, client_address};
use crate::Context;
use crate::context::Fields;
use crate::trace::Trace;

/// The headers of a request.
pub(super) trait Headers {
    /// The values of one, in the order in which they stand in the request.
    fn values<'a>(&'a self, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a [u8]>;
}

/// The context of a request that `peer` sent.
pub(super) fn open(headers: &impl Headers, peer: Option<IpAddr>, proxies: &TrustedProxies) -> Context {
    // Where OpenTelemetry knows the span that this is done in, it is better than that of whoever sent the request.
    let parent = if Trace::current().is_none() { TraceParent::read(headers.values(&TRACE_PARENT)) } else { None };
    Context::of(Fields {
        request_id: Some(request_id(headers.values(&REQUEST_ID))),
        ip_address: peer.map(|peer| client_address(peer, headers.values(proxies.header().header_name()), proxies)),
        user_agent: headers.values(&USER_AGENT).next().map(text),
        trace_id: parent.map(|parent| parent.trace_id.to_owned()),
        span_id: parent.map(|parent| parent.span_id.to_owned()),
        ..Fields::default()
    })
}

fn text(value: &[u8]) -> String {
    str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value).into_owned(), str::to_owned)
}

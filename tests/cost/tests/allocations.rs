//! What a call of an annotated function allocates, on its caller's thread: asserted, so that it stays as little.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use audit_core::{Auditor, WriterGuard, context};
use cost::calls::{Refused, audited_always, audited_on_failure, bare, request};
use cost::memory::MemoryStore;

const CALLS: u64 = 100;

/// The allocations of some calls, and the greatest number that one of them made beyond what a queue needs to grow.
fn allocations<F: Future<Output = Result<u64, Refused>>>(auditor: &Auditor, call: impl Fn() -> F) -> u64 {
    let poll = || {
        let polled = pin!(call()).poll(&mut Task::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(_))));
    };
    context::sync_scope(request(auditor.clone()), || {
        for _ in 0..CALLS {
            poll();
        }
        allocation_counter::measure(|| (0..CALLS).for_each(|_| poll())).count_total
    })
}

/// A writer that leaves entries in the queue, so that nothing but the calls is at work.
fn writer() -> WriterGuard {
    let builder = Auditor::builder().store(Arc::new(MemoryStore)).linger(Duration::from_mins(1));
    builder.start_blocking().expect("the writer starts")
}

#[test]
fn a_queued_call_allocates_its_target_and_its_text_and_nothing_else() {
    let writer = writer();
    let counted = allocations(writer.auditor(), || audited_always("proj_456", "enterprise", 5, true));
    // The queue doubles its room now and then.
    assert!((2 * CALLS..=2 * CALLS + 1).contains(&counted), "{counted} allocations in {CALLS} calls");
}

#[test]
fn a_success_that_is_not_to_be_recorded_allocates_only_what_a_failure_would_need() {
    let writer = writer();
    let counted = allocations(writer.auditor(), || audited_on_failure("proj_456", "enterprise", 5, true));
    assert_eq!(counted, 2 * CALLS);
}

#[test]
fn a_disabled_call_allocates_nothing() {
    assert_eq!(allocations(&Auditor::disabled(), || audited_always("proj_456", "enterprise", 5, true)), 0);
}

#[test]
fn an_annotated_function_without_its_attribute_allocates_nothing() {
    assert_eq!(allocations(&Auditor::disabled(), || bare("proj_456", "enterprise", 5, true)), 0);
}

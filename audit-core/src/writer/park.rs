//! Waiting for a future on a thread that may or may not belong to a runtime.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Polls a future on this thread, parking in between.
///
/// Works inside a runtime's thread, too: the writer, which the future waits for, has a thread of its own.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    // Without this, a runtime whose task is blocked here would put off the wake-up until the task yields.
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

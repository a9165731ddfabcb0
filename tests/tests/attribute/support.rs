//! What the tests of the attribute share: the runtimes that they run on, and futures polled by hand.

use std::pin::Pin;
use std::sync::{Arc, Barrier};
use std::task::{Context as Task, Poll, Waker};

use tokio::task::JoinSet;

pub(crate) fn poll_once<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Task::from_waker(Waker::noop()))
}

pub(crate) async fn forever() {
    std::future::pending::<()>().await;
}

/// Makes two tests of each function that is named: one on a runtime of one thread, and one on a runtime of several
/// workers, all of which run it at once.
macro_rules! on_both_runtimes {
    ($($name:ident,)*) => {$(
        mod $name {
            #[tokio::test]
            async fn on_one_thread() {
                super::$name().await;
            }

            #[test]
            fn on_several_workers_at_once() {
                crate::support::on_several_workers_at_once(super::$name);
            }
        }
    )*};
}

pub(crate) use on_both_runtimes;

/// Runs a test on every worker of a runtime; none begins before the others do.
pub(crate) fn on_several_workers_at_once<F: Future<Output = ()> + Send + 'static>(test: fn() -> F) {
    const WORKERS: usize = 4;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    runtime.expect("a runtime of several threads").block_on(async {
        let start = Arc::new(Barrier::new(WORKERS));
        let mut tasks = JoinSet::new();
        for _ in 0..WORKERS {
            let start = start.clone();
            tasks.spawn(async move {
                // Holds up its whole worker, on purpose.
                start.wait();
                test().await;
            });
        }
        tasks.join_all().await;
    });
}

//! What a function was given is dropped when and in what order it would be without the attribute.

#![allow(clippy::needless_pass_by_value, dropping_copy_types, reason = "what is given by value is the point")]

use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};

use crate::support::{forever, on_both_runtimes, poll_once};
use tests::calls::rows;

on_both_runtimes! {
    arguments_are_dropped_in_the_order_of_the_plain_function,
}

/// What was dropped so far.
type Dropped = Arc<Mutex<Vec<&'static str>>>;

struct Given(&'static str, Dropped);

impl Given {
    fn touch(&self) {
        assert!(!self.0.is_empty());
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.1.lock().expect("nobody panics with it").push(self.0);
    }
}

/// The functions as they are, and audited.
macro_rules! twice {
    ($($function:item)*) => {
        mod plain {
            use super::*;

            $($function)*
        }

        mod annotated {
            use audit_core::audited;

            use super::*;

            $(
                #[audited(action = "project.updated", target_id = 1)]
                $function
            )*
        }
    };
}

twice! {
    pub(super) fn used(a: Given, b: Given, n: u8) {
        a.touch();
        b.touch();
        let _local = Given("local", a.1.clone());
        assert_eq!(n, 1);
    }

    pub(super) fn kept_alive(_a: Given, b: Given, _c: Given) {
        b.touch();
    }

    pub(super) fn moved(a: Given, b: Given, c: Given) -> Given {
        c.touch();
        b.touch();
        a
    }

    pub(super) fn conditional(a: Given, b: Given, #[cfg(any())] gone: Gone) {
        a.touch();
        b.touch();
        #[cfg(any())]
        gone.touch();
    }

    pub(super) fn panicking(a: Given, b: Given) {
        a.touch();
        b.touch();
        panic!("for the test");
    }

    pub(super) async fn later(a: Given, b: Given, _c: Given) {
        a.touch();
        ready(()).await;
        b.touch();
    }

    pub(super) async fn cancelled(a: Given, _b: Given, c: Given) {
        c.touch();
        forever().await;
        a.touch();
    }

    pub(super) fn of_a_future(a: Given, _b: Given, c: Given) -> impl Future<Output = ()> {
        a.touch();
        c.touch();
        async move { a.touch() }
    }

    pub(super) fn of_a_boxed_future(a: Given, _b: Given, c: Given) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        a.touch();
        c.touch();
        Box::pin(async move { a.touch() })
    }
}

async fn arguments_are_dropped_in_the_order_of_the_plain_function() {
    /// The order of both, and that it is the same.
    macro_rules! same {
        ($given:ident => $functions:ident: $call:expr) => {{
            let dropped = Dropped::default();
            let $given = |name| Given(name, dropped.clone());
            {
                use plain as $functions;
                drop($call);
            }
            let without = std::mem::take(&mut *dropped.lock().expect("nobody panics with it"));
            {
                use annotated as $functions;
                drop($call);
            }
            assert!(without.len() > 1, "{without:?}");
            assert_eq!(*dropped.lock().expect("nobody panics with it"), without, "{}", stringify!($call));
        }};
    }
    let rows = rows(async {
        same!(given => of: of::used(given("a"), given("b"), 1));
        same!(given => of: of::kept_alive(given("a"), given("b"), given("c")));
        same!(given => of: of::moved(given("a"), given("b"), given("c")));
        same!(given => of: of::conditional(given("a"), given("b")));
        same!(given => of: catch_unwind(AssertUnwindSafe(|| of::panicking(given("a"), given("b")))));
        same!(given => of: of::later(given("a"), given("b"), given("c")).await);
        same!(given => of: of::later(given("a"), given("b"), given("c")));
        same!(given => of: {
            let mut future = pin!(of::cancelled(given("a"), given("b"), given("c")));
            assert!(poll_once(future.as_mut()).is_pending());
        });
        same!(given => of: of::of_a_future(given("a"), given("b"), given("c")).await);
        same!(given => of: of::of_a_boxed_future(given("a"), given("b"), given("c")).await);
    })
    .await;
    assert_eq!(rows.len(), 9, "one of them was never polled");
}

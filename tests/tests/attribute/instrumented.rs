//! The shapes of functions on which `tracing` tests its own attribute, one by one: each call is one entry.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::poll_fn;
use std::num::TryFromIntError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use audit_core::{Outcome, Row, audited};
use serde_json::{Value, json};
use tests::calls::{row, rows};

use crate::support::{on_both_runtimes, poll_once};

on_both_runtimes! {
    async_functions,
    functions_of_futures,
    async_traits_and_expressions_over_self,
    destructured_parameters,
    errors_of_results,
    returned_values,
    expressions_over_parameters,
    generics_and_methods,
    names_of_the_bodys_own,
    plain_functions,
}

/// The outcomes of the entries, none of which has a mark.
fn outcomes(rows: &[Row]) -> Vec<Outcome> {
    assert!(rows.iter().all(|row| row.metadata.get("_audit").is_none()), "{rows:?}");
    rows.iter().map(|row| row.outcome).collect()
}

fn value_of(row: &Row) -> Option<&Value> {
    row.metadata.get("new_value")
}

async fn pending(mut polls: usize) -> Result<(), ()> {
    poll_fn(|task| {
        if polls == 0 {
            return Poll::Ready(Ok(()));
        }
        polls -= 1;
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

async fn async_functions() {
    #[audited(action = "project.updated", target_id = 1)]
    async fn polled(polls: usize) -> Result<(), ()> {
        let future = pending(polls);
        future.await
    }
    #[audited(action = "project.updated", target_id = 1)]
    async fn of_an_iterator(n: i32) -> Result<impl Iterator<Item = i32>, ()> {
        Ok((0..10).filter(move |x| *x < n))
    }
    #[audited(action = "project.updated", target_id = 1, err = |error| error)]
    async fn of_an_iterator_or_text(n: i32) -> Result<impl Iterator<Item = i32>, &'static str> {
        if n > 5 { Err("too many") } else { Ok(0..n) }
    }
    #[audited(action = "project.updated", target_id = 1)]
    async fn empty() {}
    #[audited(action = "project.updated", target_id = 1)]
    #[deny(unused_variables)]
    async fn inner_attribute() {
        #![allow(unused_variables)]
        let unused = 42;
    }
    #[audited(action = "project.updated", target_id = 1)]
    #[rustfmt::skip]
    #[expect(clippy::useless_format, reason = "the shape is what is tested")]
    #[deny(clippy::suspicious_else_formatting)]
    async fn condition_in_a_macro(condition: bool) -> String {
        format!(
            "{}",
            if condition { "true" } else { "false" }
        )
    }
    #[audited(action = "project.updated", target_id = 1)]
    #[deny(clippy::suspicious_else_formatting)]
    async fn comments_only() {
        // if nothing
        // else
    }
    #[audited(action = "project.updated", target_id = 1)]
    async fn outer() {
        inner().await;
    }
    #[audited(action = "project.deleted", target_id = 1)]
    async fn inner() {}
    let rows = rows(async {
        assert_eq!(polled(2).await, Ok(()));
        assert_eq!(of_an_iterator(2).await.expect("it is fine").count(), 2);
        assert_eq!(of_an_iterator_or_text(2).await.expect("it is fine").count(), 2);
        assert!(of_an_iterator_or_text(6).await.is_err());
        empty().await;
        inner_attribute().await;
        assert_eq!(condition_in_a_macro(true).await, "true");
        comments_only().await;
        outer().await;
    })
    .await;
    let mut expected = [Outcome::Success; 10];
    expected[3] = Outcome::Failure;
    assert_eq!(outcomes(&rows), expected);
    assert_eq!(rows[3].error.as_deref(), Some("too many"));
    assert_eq!([rows[8].action.as_str(), rows[9].action.as_str()], ["project.deleted", "project.updated"]);
}

async fn functions_of_futures() {
    #[deny(unused_braces)]
    #[audited(action = "project.updated", target_id = 1)]
    fn boxed() -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {})
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn boxed_for_one_thread() -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async {
            pending(0).await.ok();
        })
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn of_nothing() -> impl Future<Output = ()> {
        async {
            pending(1).await.ok();
        }
    }
    #[deny(unused_braces)]
    #[audited(action = "project.updated", target_id = 1)]
    fn of_a_result() -> impl Future<Output = Result<(), Infallible>> {
        async { Ok(()) }
    }
    #[derive(Clone)]
    struct Thing {
        metrics: Arc<u8>,
    }
    impl Thing {
        #[audited(action = "project.updated", target_id = 1)]
        fn local_in_the_future(&mut self, _request: ()) -> Pin<Box<dyn Future<Output = Arc<u8>> + Send + Sync>> {
            let metrics = self.metrics.clone();
            Box::pin(async move { metrics })
        }

        #[audited(action = "project.updated", target_id = 1)]
        fn borrowed(&self) -> Pin<Box<dyn Future<Output = u8> + Send + '_>> {
            Box::pin(async move { *self.metrics })
        }

        #[audited(action = "project.updated", target_id = std::any::type_name::<Self>())]
        fn of_its_type(&self) -> Pin<Box<dyn Future<Output = u8> + Send + '_>> {
            let own = self.clone();
            Box::pin(async move { *own.metrics })
        }
    }
    let rows = rows(async {
        // What is not `Send` stays where it is made.
        assert!(poll_once(boxed_for_one_thread().as_mut()).is_ready());
        boxed().await;
        of_nothing().await;
        assert_eq!(of_a_result().await, Ok(()));
        let mut thing = Thing { metrics: Arc::new(7) };
        assert_eq!(*thing.local_in_the_future(()).await, 7);
        assert_eq!(thing.borrowed().await, 7);
        assert_eq!(thing.of_its_type().await, 7);
    })
    .await;
    assert_eq!(outcomes(&rows), [Outcome::Success; 7]);
    assert!(rows[6].target_id.as_deref().is_some_and(|id| id.ends_with("Thing")));
}

#[async_trait]
trait Counts {
    async fn count(&mut self, to: usize);
    async fn look(&self) -> usize;
    async fn without_a_receiver() -> u8;
}

#[derive(Debug, Clone)]
struct Counter(usize);

impl Counter {
    fn double(&self) -> usize {
        self.0 * 2
    }
}

#[async_trait]
impl Counts for Counter {
    #[audited(
        action = "project.updated",
        target_id = Self::clone(self).double(),
        metadata(old_value = self.double(), new_value = to + 5)
    )]
    async fn count(&mut self, to: usize) {
        self.look().await;
        self.0 = to;
        self.look().await;
    }

    #[audited(action = "project.updated", target_id = std::any::type_name::<Self>(), metadata(ret new_value = |seen| *seen))]
    async fn look(&self) -> usize {
        self.0
    }

    #[audited(action = "project.updated", target_id = std::any::type_name::<Self>())]
    async fn without_a_receiver() -> u8 {
        1
    }
}

async fn async_traits_and_expressions_over_self() {
    let rows = rows(async {
        Counter(2).count(5).await;
        assert_eq!(Counter::without_a_receiver().await, 1);
    })
    .await;
    assert_eq!(outcomes(&rows), [Outcome::Success; 4]);
    let values: Vec<_> = rows.iter().map(value_of).collect();
    assert_eq!(values, [Some(&json!(2)), Some(&json!(5)), Some(&json!(10)), None]);
    assert_eq!(rows[2].target_id.as_deref(), Some("4"));
    assert!(rows[3].target_id.as_deref().is_some_and(|id| id.ends_with("Counter")));
}

async fn destructured_parameters() {
    struct Pair(usize, usize);
    struct Named {
        bar: usize,
        baz: usize,
    }
    struct Everything {
        bar: Nested,
        baz: (usize, usize),
        _qux: NoDebug,
    }
    struct Nested((usize, usize));
    struct NoDebug;
    #[audited(action = "project.updated", target_id = 1, metadata(new_value = [a, b]))]
    fn tuple((a, b): (usize, usize)) {}
    #[audited(action = "project.updated", target_id = 1, metadata(new_value = [a, b, c, d]))]
    fn nested_tuples(((a, b), (c, d)): ((usize, usize), (usize, usize))) {}
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the pattern is what is tested")]
    #[audited(action = "project.updated", target_id = 1, metadata(new_value = a))]
    fn reference(&a: &usize) {}
    #[audited(action = "project.updated", target_id = 1, metadata(new_value = [a, b]))]
    fn tuple_struct(Pair(a, b): Pair) {}
    #[audited(action = "project.updated", target_id = 1, metadata(new_value = [a, b]))]
    fn named_struct(Named { bar: a, baz: b }: Named) -> usize {
        a + b
    }
    #[audited(action = "project.updated", target_id = 1, metadata(new_value = [a, b, c, d]))]
    fn everything(&Everything { bar: Nested((a, b)), baz: (c, d), .. }: &Everything) -> usize {
        a + b + c + d
    }
    #[audited(action = "project.updated", target_id = 1, metadata(new_value = [a, b]))]
    async fn later((a, Pair(b, _)): (usize, Pair)) {}
    let rows = rows(async {
        tuple((1, 2));
        nested_tuples(((1, 2), (3, 4)));
        reference(&1);
        tuple_struct(Pair(1, 2));
        assert_eq!(named_struct(Named { bar: 1, baz: 2 }), 3);
        assert_eq!(everything(&Everything { bar: Nested((1, 2)), baz: (3, 4), _qux: NoDebug }), 10);
        later((1, Pair(2, 3))).await;
    })
    .await;
    let values: Vec<_> = rows.iter().filter_map(value_of).collect();
    let (one, two, four) = (json!(1), json!([1, 2]), json!([1, 2, 3, 4]));
    assert_eq!(values, [&two, &four, &one, &two, &two, &four, &two]);
    assert_eq!(outcomes(&rows), [Outcome::Success; 7]);
}

async fn errors_of_results() {
    #[audited(action = "project.updated", target_id = 1)]
    fn tail() -> Result<u8, TryFromIntError> {
        u8::try_from(1234)
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn early() -> Result<u8, TryFromIntError> {
        u8::try_from(1234)?;
        Ok(5)
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn through_a_reference(out: &mut u8) -> Result<(), TryFromIntError> {
        *out = u8::try_from(1234)?;
        Ok(())
    }
    #[audited(action = "project.updated", target_id = 1)]
    async fn later(polls: usize) -> Result<u8, TryFromIntError> {
        let waited = pending(polls);
        waited.await.ok();
        u8::try_from(1234)
    }
    #[audited(action = "project.updated", target_id = 1)]
    async fn later_through_a_reference(polls: usize, out: &mut u8) -> Result<(), TryFromIntError> {
        pending(polls).await.ok();
        *out = u8::try_from(1234)?;
        Ok(())
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn of_an_iterator(x: usize) -> Result<impl Iterator<Item = usize>, String> {
        if x > 5 { Err("too many".to_owned()) } else { Ok(0..x) }
    }
    #[audited(action = "project.updated", target_id = 1, err = |error| format!("{error:?}"))]
    fn by_debug() -> Result<u8, TryFromIntError> {
        u8::try_from(1234)
    }
    let rows = rows(async {
        tail().unwrap_err();
        early().unwrap_err();
        through_a_reference(&mut 0).unwrap_err();
        later(2).await.unwrap_err();
        later_through_a_reference(2, &mut 0).await.unwrap_err();
        assert!(of_an_iterator(10).is_err());
        by_debug().unwrap_err();
    })
    .await;
    assert_eq!(outcomes(&rows), [Outcome::Failure; 7]);
    let error = u8::try_from(1234_u16).unwrap_err();
    let (said, debugged) = (error.to_string(), format!("{error:?}"));
    let errors: Vec<_> = rows.iter().filter_map(|row| row.error.as_deref()).collect();
    assert_eq!(errors, [&said, &said, &said, &said, &said, "too many", &debugged]);
}

async fn returned_values() {
    #[audited(action = "project.updated", target_id = 1, metadata(ret new_value = |value| *value))]
    fn number() -> i32 {
        42
    }
    #[audited(action = "project.updated", target_id = 1, metadata(old_value = *a, ret new_value = |value| *value))]
    fn through_a_reference(a: &mut i32) -> i32 {
        *a *= 2;
        *a
    }
    #[audited(action = "project.updated", target_id = 1, metadata(ret new_value = |value| *value))]
    async fn later() -> i32 {
        42
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn of_a_trait() -> impl Copy {
        42
    }
    #[audited(action = "project.updated", target_id = 1, metadata(ret new_value = %|value| value))]
    fn by_display() -> i32 {
        42
    }
    #[audited(action = "project.updated", target_id = 1, metadata(ret new_value = ?|value| value))]
    fn of_a_result(number: u16) -> Result<u8, TryFromIntError> {
        u8::try_from(number)
    }
    let rows = rows(async {
        assert_eq!(number(), 42);
        assert_eq!(through_a_reference(&mut 21), 42);
        assert_eq!(later().await, 42);
        let _ = of_a_trait();
        assert_eq!(by_display(), 42);
        of_a_result(42).expect("it is small");
        of_a_result(1234).unwrap_err();
    })
    .await;
    let values: Vec<_> = rows.iter().map(value_of).collect();
    let (number, text) = (json!(42), json!("42"));
    assert_eq!(values, [Some(&number), Some(&number), Some(&number), None, Some(&text), Some(&text), None]);
    assert_eq!(rows[1].metadata.get("old_value"), Some(&json!(21)));
    assert_eq!(outcomes(&rows)[5..], [Outcome::Success, Outcome::Failure]);
}

async fn expressions_over_parameters() {
    #[audited(action = "project.updated", target_id = 1, metadata(old_value = "bar", new_value = true, changes = json!(1)))]
    fn literals() {}
    #[audited(action = "project.updated", target_id = 1, metadata(new_value = s.len()))]
    fn measured(s: &str) {}
    #[audited(action = "project.updated", target_id = 1, metadata(new_value = "s"))]
    fn of_the_same_name(new_value: &str) {
        assert_eq!(new_value, "five");
    }
    #[audited(action = "project.updated", target_id = 1, metadata(new_value = &s))]
    fn moved(s: String) {
        drop(s);
    }
    #[expect(clippy::used_underscore_binding, reason = "the attribute uses it")]
    #[audited(action = "project.updated", target_id = r#type, metadata(new_value = _hidden))]
    fn keywords_and_underscores(r#type: u8, _hidden: &str) {}
    struct Holder {
        field: &'static str,
    }
    impl Holder {
        #[audited(action = "project.updated", target_id = self.field, metadata(new_value = self.field))]
        fn of_self(&self) {}
    }
    let rows = rows(async {
        literals();
        measured("four");
        of_the_same_name("five");
        moved("moved".to_owned());
        keywords_and_underscores(1, "hidden");
        Holder { field: "own" }.of_self();
    })
    .await;
    let values: Vec<_> = rows.iter().filter_map(value_of).cloned().collect();
    assert_eq!(values, [json!(true), json!(4), json!("s"), json!("moved"), json!("hidden"), json!("own")]);
    assert_eq!(outcomes(&rows), [Outcome::Success; 6]);
}

async fn generics_and_methods() {
    struct Opaque(usize);
    #[audited(action = "project.updated", target_id = 1, metadata(old_value = ?first, new_value = ?second))]
    fn generic<S, T: Debug>(first: S, second: T)
    where
        S: Debug,
    {
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn of_traits(causes: impl IntoIterator<Item = impl Into<Option<u64>>>) -> usize {
        causes.into_iter().filter_map(Into::into).count()
    }
    #[audited(action = "project.updated", target_id = 1)]
    async fn of_traits_later(causes: impl IntoIterator<Item = impl Into<Option<u64>>> + Send) -> usize {
        causes.into_iter().filter_map(Into::into).count()
    }
    #[audited(action = "project.updated", target_id = first)]
    fn without_debug(first: usize, _second: Opaque, _third: Opaque) {}
    #[audited(action = "project.updated", target_id = 1)]
    fn an_iterator(x: usize) -> impl Iterator<Item = usize> {
        0..x
    }
    impl Opaque {
        #[audited(action = "project.updated", target_id = n)]
        fn method(&self, n: usize) -> usize {
            self.0 + n
        }
    }
    let rows = rows(async {
        generic(Some("one"), 2);
        assert_eq!(of_traits([Some(1), None]), 1);
        assert_eq!(of_traits_later([Some(1), None]).await, 1);
        without_debug(1, Opaque(1), Opaque(2));
        assert_eq!(an_iterator(3).count(), 3);
        assert_eq!(Opaque(1).method(41), 42);
    })
    .await;
    assert_eq!(outcomes(&rows), [Outcome::Success; 6]);
    assert_eq!(value_of(&rows[0]), Some(&json!("2")));
    assert_eq!(rows[0].metadata.get("old_value"), Some(&json!("Some(\"one\")")));
}

#[expect(dead_code, reason = "an unused function is reported as one, whatever its attributes")]
#[audited(action = "project.deleted", target_id = 1)]
fn unused() {}

#[expect(dead_code, reason = "an unused function is reported as one, whatever its attributes")]
#[audited(action = "project.deleted", target_id = 1)]
async fn unused_later() {}

async fn names_of_the_bodys_own() {
    type Shade = ();
    #[expect(dead_code, reason = "the name alone matters")]
    enum Colour {
        Shade,
    }
    mod audit_core {
        //! A module by the name of the crate.
        pub(super) fn other() -> &'static str {
            "own"
        }
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn imports_a_name_of_its_return_type() -> Shade {
        #[expect(unused_imports, reason = "an import that shadows the return type")]
        use Colour::*;
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn calls_a_module_of_the_same_name() -> &'static str {
        audit_core::other()
    }
    let row = row(async { imports_a_name_of_its_return_type() }).await;
    assert_eq!(outcomes(&[row]), [Outcome::Success]);
    let rows = rows(async {
        assert_eq!(calls_a_module_of_the_same_name(), "own");
    })
    .await;
    assert_eq!(outcomes(&rows), [Outcome::Success]);
}

async fn plain_functions() {
    #[deny(unused_variables)]
    #[audited(action = "project.updated", target_id = 1)]
    fn inner_attribute() {
        #![allow(unused_variables)]
        let unused = 42;
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn begins_with_a_block() -> Result<u8, TryFromIntError> {
        {}
        u8::try_from(1234)
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn outer() {
        inner();
    }
    #[audited(action = "project.deleted", target_id = 1)]
    fn inner() {}
    let rows = rows(async {
        inner_attribute();
        begins_with_a_block().unwrap_err();
        outer();
    })
    .await;
    assert_eq!(outcomes(&rows), [Outcome::Success, Outcome::Failure, Outcome::Success, Outcome::Success]);
}

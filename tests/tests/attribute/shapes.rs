//! Whatever shape a function has, a call of it is one entry.

use std::fmt;
use std::future::ready;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use audit_core::{Actor, Auditor, Context, Outcome, audited, context};
use tests::scripted::ScriptedStore;
use tracing::instrument;

use crate::support::{forever, on_both_runtimes, poll_once};
use tests::calls::{SOON, row, rows};

on_both_runtimes! {
    a_returned_future_is_the_call,
    a_returned_future_takes_the_context_in_which_it_is_first_polled,
    a_call_of_any_shape_is_one_entry,
    calls_inside_calls_are_entries_of_their_own,
}

#[expect(clippy::elidable_lifetime_names, reason = "named lifetimes are a shape, too")]
#[audited(action = "project.updated", target_id = |ok| ok)]
fn of_a_future<'a>(name: &'a str) -> impl Future<Output = Result<usize, String>> + Send + 'a {
    let length = name.len();
    async move {
        let more: usize = ready("5").await.parse().map_err(|error| format!("{error}"))?;
        if name.is_empty() { Err("empty".to_owned()) } else { Ok(length + more) }
    }
}

#[audited(action = "project.updated", target_id = |ok| ok)]
fn of_a_boxed_future<'a>(name: &'a str) -> Pin<Box<dyn Future<Output = Result<usize, String>> + Send + 'a>> {
    Box::pin(async move {
        ready(()).await;
        if name.is_empty() { Err("empty".to_owned()) } else { Ok(name.len()) }
    })
}

async fn a_returned_future_is_the_call() {
    let rows = rows(async {
        assert_eq!(of_a_future("abc").await, Ok(8));
        of_a_future("").await.unwrap_err();
        assert_eq!(of_a_boxed_future("abc").await, Ok(3));
        of_a_boxed_future("").await.unwrap_err();
        drop((of_a_future("never polled"), of_a_boxed_future("never polled")));
    })
    .await;
    let seen: Vec<_> = rows.iter().map(|row| (row.target_id.as_deref(), row.error.as_deref())).collect();
    assert_eq!(seen, [(Some("8"), None), (None, Some("empty")), (Some("3"), None), (None, Some("empty"))]);
}

async fn a_returned_future_takes_the_context_in_which_it_is_first_polled() {
    #[audited(action = "project.updated")]
    fn wait(project_id: u32) -> impl Future<Output = ()> {
        forever()
    }
    let row = row(async {
        let mut future = pin!(wait(1));
        let inside = Context::current().with_actor(Actor::user("user_2"));
        context::sync_scope(inside, || assert!(poll_once(future.as_mut()).is_pending()));
    })
    .await;
    assert_eq!((row.outcome, row.actor_id.as_deref()), (Outcome::Cancelled, Some("user_2")));
}

struct Door {
    opened: u32,
    names: Vec<String>,
}

impl Door {
    fn new() -> Self {
        Self { opened: 0, names: vec!["front".to_owned(), "back".to_owned()] }
    }
}

#[audited(target_id = "door")]
impl Door {
    #[audited(action = "project.updated")]
    fn associated() -> Self {
        Self::new()
    }

    #[audited(action = "project.updated")]
    fn by_value(self) -> u32 {
        self.opened
    }

    #[audited(action = "project.updated", target_id = self.names.len())]
    fn by_reference(&self) -> &str {
        &self.names[0]
    }

    #[audited(action = "project.updated")]
    fn by_mutable_reference(&mut self) -> Option<&mut String> {
        self.names.last_mut()
    }

    #[audited(action = "project.updated")]
    async fn later_by_mutable_reference(&mut self, name: &str) -> Result<&mut String, fmt::Error> {
        self.opened += 1;
        ready(()).await;
        self.names.iter_mut().find(|own| *own == name).ok_or(fmt::Error)
    }

    #[audited(action = "project.updated")]
    fn by_arc(self: Arc<Self>) -> usize {
        Arc::strong_count(&self)
    }

    #[audited(action = "project.updated")]
    async fn later_by_arc(self: Arc<Self>) -> usize {
        Arc::strong_count(&self)
    }

    #[audited(action = "project.updated")]
    fn by_box(self: Box<Self>) -> u32 {
        self.opened
    }

    #[audited(action = "project.updated")]
    fn by_pin(mut self: Pin<&mut Self>) -> u32 {
        self.opened += 1;
        self.opened
    }

    #[audited(action = "project.updated")]
    fn as_a_future(&mut self, _skipped: ()) -> Pin<Box<dyn Future<Output = usize> + Send + Sync>> {
        let names = self.names.clone();
        Box::pin(async move { names.len() })
    }

    #[audited(action = "project.updated")]
    fn as_a_borrowing_future<'a>(&'a self, name: &'a str) -> impl Future<Output = bool> + Send + use<'a> {
        async move { self.names.iter().any(|own| own == name) }
    }
}

trait Greet {
    fn greet(&self) -> impl Future<Output = String> + Send;

    async fn greet_later(&self) -> String;

    #[audited(action = "project.updated", target_id = 1)]
    fn provided(&self) -> u32 {
        1
    }

    #[audited(action = "project.updated", target_id = 1)]
    async fn provided_later(&self) -> String {
        self.greet_later().await
    }
}

impl Greet for u32 {
    #[audited(action = "project.updated", target_id = self)]
    async fn greet(&self) -> String {
        self.to_string()
    }

    async fn greet_later(&self) -> String {
        "later".to_owned()
    }
}

#[async_trait]
trait Dynamic {
    async fn attribute_inside(&mut self, number: usize) -> Result<usize, fmt::Error>;

    async fn by_value(self: Box<Self>, (a, _): (u8, u8)) -> u8;

    #[audited(action = "project.updated", target_id = 1)]
    async fn provided(&self) {}
}

#[audited(target_id = self.0)]
#[async_trait]
impl Dynamic for (usize,) {
    #[audited(action = "project.updated", metadata(new_value = number))]
    async fn attribute_inside(&mut self, number: usize) -> Result<usize, fmt::Error> {
        self.0 += number;
        ready(()).await;
        let text: &str = "5";
        Ok(self.0 + text.parse::<usize>().map_err(|_| fmt::Error)?)
    }

    #[audited(action = "project.updated")]
    async fn by_value(self: Box<Self>, (a, _): (u8, u8)) -> u8 {
        a
    }
}

#[async_trait]
#[audited(target_id = 1)]
impl Dynamic for u8 {
    #[audited(action = "project.updated")]
    async fn attribute_inside(&mut self, number: usize) -> Result<usize, fmt::Error> {
        Ok(number)
    }

    #[audited(action = "project.updated")]
    async fn by_value(self: Box<Self>, (_, b): (u8, u8)) -> u8 {
        b
    }
}

#[audited(action = "project.updated", target_id = 1)]
fn generic<'a, S, T: Clone, const N: usize>(first: &'a S, _rest: [T; N]) -> &'a S
where
    S: fmt::Debug,
{
    first
}

#[audited(action = "project.updated", target_id = 1)]
fn of_traits(names: impl IntoIterator<Item = u32>, with: &dyn Fn(u32) -> u32) -> impl Iterator<Item = u32> {
    names.into_iter().map(with).collect::<Vec<_>>().into_iter()
}

#[audited(action = "project.updated", target_id = 1)]
async fn of_traits_later(limit: u32) -> Result<impl Iterator<Item = u32>, ()> {
    Ok((0..10).filter(move |n| *n < limit))
}

#[audited(action = "project.updated", target_id = r#type, metadata(new_value = b + d))]
fn destructured(
    &Pair { a, b: Nested((b, _)), .. }: &Pair,
    [c, ..]: [u32; 3],
    (mut d, _): (u32, u8),
    r#type: u8,
    _: u8,
) -> u32 {
    d += 1;
    a + b + c + d
}

struct Pair {
    a: u32,
    b: Nested,
    _c: (),
}

struct Nested((u32, u32));

#[audited(action = "project.updated", target_id = n)]
fn recursive(n: u32) -> u32 {
    if n == 0 { 0 } else { recursive(n - 1) + 1 }
}

#[audited(action = "project.updated", target_id = n)]
async fn recursive_later(n: u32) -> u32 {
    if n == 0 { 0 } else { Box::pin(recursive_later(n - 1)).await + 1 }
}

#[audited(action = "project.updated", target_id = 1)]
fn around_a_function(n: u32) -> u32 {
    #[audited(action = "project.deleted", target_id = 1)]
    fn inside(n: u32) -> u32 {
        n + 1
    }
    macro_rules! twice {
        ($value:expr) => {
            $value * 2
        };
    }
    twice!(inside(n))
}

#[audited(action = "project.updated", target_id = 1)]
fn early(n: u32) -> Result<u32, std::num::ParseIntError> {
    if n == 0 {
        return Ok(7);
    }
    let n: u32 = "x".parse()?;
    Ok(n)
}

type Answer<T> = Result<T, fmt::Error>;

#[audited(action = "project.updated", target_id = |ok| ok)]
fn aliased(n: u32) -> Answer<u32> {
    Ok(n)
}

#[audited(action = "project.updated", target_id = 1)]
fn polled(n: u32) -> Poll<Option<u32>> {
    Poll::Ready(Some(n))
}

/// Attributes above and below.
#[must_use]
#[audited(action = "project.updated", target_id = 1)]
#[instrument(skip_all)]
#[inline]
async fn with_others_below(n: u32) -> u32 {
    #![allow(unused_variables)]
    let unused = 1;
    n
}

#[instrument(ret, err, skip_all)]
#[audited(action = "project.updated", target_id = 1)]
async fn with_others_above(n: u32) -> Result<u32, fmt::Error> {
    Ok(n)
}

macro_rules! audited_function {
    ($name:ident, $action:literal, $id:expr, |$argument:ident| $body:expr) => {
        #[audited(action = $action, target_id = $id)]
        fn $name($argument: u32) -> u32 {
            $body
        }
    };
}
audited_function!(made, "project.updated", 1, |n| n + 1);

/// A type that comes through a macro is in a group of its own, which nobody sees.
macro_rules! audited_function_of {
    ($name:ident: $given:ty => $type:ty, |$argument:ident| $body:expr) => {
        #[audited(action = "project.updated", target_id = 1)]
        fn $name($argument: $given) -> $type {
            $body
        }
    };
}
audited_function_of!(of_boxed: u32 => Pin<Box<dyn Future<Output = u32> + Send>>, |n| Box::pin(async move { n + 1 }));
audited_function_of!(of_hidden: &u32 => impl Future<Output = Result<u32, fmt::Error>>, |n| ready(Ok(*n + 1)));
audited_function_of!(of_result: u32 => Result<(), fmt::Error>, |n| if n == 5 { Ok(()) } else { Err(fmt::Error) });

async fn a_call_of_any_shape_is_one_entry() {
    async fn one<T: PartialEq + fmt::Debug>(shape: &str, expected: T, work: impl Future<Output = T>) {
        let mut value = None;
        let rows = rows(async { value = Some(work.await) }).await;
        assert_eq!(value, Some(expected), "{shape}");
        assert_eq!(rows.len(), 1, "{shape}");
        assert_eq!(rows[0].outcome, Outcome::Success, "{shape}");
        assert!(rows[0].metadata.get("_audit").is_none(), "{shape}");
    }
    let mut door = Door::new();
    one("associated", 0, async { Door::associated().opened }).await;
    one("by value", 0, async { Door::new().by_value() }).await;
    one("by reference", "front".to_owned(), async { Door::new().by_reference().to_owned() }).await;
    one("by mutable reference", Some(&mut "back".to_owned()), async { door.by_mutable_reference() }).await;
    one("later by mutable reference", Ok(&mut "front".to_owned()), async {
        door.later_by_mutable_reference("front").await
    })
    .await;
    one("by arc", 1, async { Arc::new(Door::new()).by_arc() }).await;
    one("later by arc", 1, async { Arc::new(Door::new()).later_by_arc().await }).await;
    one("by box", 0, async { Box::new(Door::new()).by_box() }).await;
    one("by pin", 1, async { Pin::new(&mut Door::new()).by_pin() }).await;
    one("as a future", 2, async { Door::new().as_a_future(()).await }).await;
    one("as a borrowing future", true, async { Door::new().as_a_borrowing_future("back").await }).await;
    one("async fn of a trait", "5".to_owned(), async { 5_u32.greet().await }).await;
    one("default method", 1, async { 5_u32.provided() }).await;
    one("async default method", "later".to_owned(), async { 5_u32.provided_later().await }).await;
    one("async_trait below", Ok(9), async { (1,).attribute_inside(3).await }).await;
    one("async_trait below, by value", 1, async { Box::new((1,)).by_value((1, 2)).await }).await;
    one("async_trait default method", (), async { (1,).provided().await }).await;
    one("async_trait above", Ok(3), async { 1_u8.attribute_inside(3).await }).await;
    one("async_trait above, by value", 2, async { Box::new(1_u8).by_value((1, 2)).await }).await;
    one("generic", &"a", async { generic(&"a", [1; 4]) }).await;
    one("of traits", vec![2, 3], async { of_traits([1, 2], &|n| n + 1).collect() }).await;
    one("of traits, later", vec![0, 1], async { of_traits_later(2).await.expect("it is fine").collect() }).await;
    let pair = Pair { a: 1, b: Nested((2, 0)), _c: () };
    one("destructured", 11, async { destructured(&pair, [3, 0, 0], (4, 0), 9, 0) }).await;
    one("early return", Ok(7), async { early(0) }).await;
    one("alias of a result", Ok(5), async { aliased(5) }).await;
    one("poll", Poll::Ready(Some(5)), async { polled(5) }).await;
    one("others below", 5, async { with_others_below(5).await }).await;
    one("others above", Ok(5), async { with_others_above(5).await }).await;
    one("of a macro", 6, async { made(5) }).await;
    one("boxed future of a macro", 6, async { of_boxed(5).await }).await;
    one("hidden future of a macro", Ok(6), async { of_hidden(&5).await }).await;
    one("result of a macro", Ok(()), async { of_result(5) }).await;
}

async fn calls_inside_calls_are_entries_of_their_own() {
    let rows = rows(async {
        assert_eq!(recursive(2), 2);
        assert_eq!(recursive_later(1).await, 1);
        assert_eq!(around_a_function(3), 8);
    })
    .await;
    let seen: Vec<_> =
        rows.iter().map(|row| (row.action.as_str(), row.target_id.as_deref().unwrap_or_default())).collect();
    let updated = |id| ("project.updated", id);
    let expected =
        [updated("0"), updated("1"), updated("2"), updated("0"), updated("1"), ("project.deleted", "1"), updated("1")];
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audited_future_moves_between_threads_and_can_be_shared() {
    fn check<T: Send + Sync>(future: T) -> T {
        future
    }
    let work = async {
        let spawned = tokio::spawn(check(context::scope(Context::current(), of_a_future("abc"))));
        spawned.await.expect("it does not panic")
    };
    let (store, auditor) = (ScriptedStore::default(), Auditor::builder());
    let writer = auditor.store(Arc::new(store.clone())).start().await.expect("the writer starts");
    let context = Context::new().with_auditor(writer.auditor().clone());
    assert_eq!(context::scope(context, check(work)).await, Ok(8));
    assert_eq!(writer.shutdown(SOON).await.stored, 1);
}

#[audited(action = "project.updated", target_id = 1)]
#[tokio::test]
async fn a_test_may_be_audited() {
    ready(()).await;
}

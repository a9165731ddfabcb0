//! Whatever shape a function has, a call of it is one entry.

use std::future::ready;
use std::pin::{Pin, pin};

use audit_core::{Actor, Context, Outcome, audited, context};

use crate::support::{block_on, forever, poll_once, row, rows};

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

#[test]
fn a_returned_future_is_the_call() {
    let rows = rows(|| {
        assert_eq!(block_on(of_a_future("abc")), Ok(8));
        block_on(of_a_future("")).unwrap_err();
        assert_eq!(block_on(of_a_boxed_future("abc")), Ok(3));
        block_on(of_a_boxed_future("")).unwrap_err();
        drop((of_a_future("never polled"), of_a_boxed_future("never polled")));
    });
    let seen: Vec<_> = rows.iter().map(|row| (row.target_id.as_deref(), row.error.as_deref())).collect();
    assert_eq!(seen, [(Some("8"), None), (None, Some("empty")), (Some("3"), None), (None, Some("empty"))]);
}

#[test]
fn a_returned_future_takes_the_context_in_which_it_is_first_polled() {
    #[audited(action = "project.updated")]
    fn wait(project_id: u32) -> impl Future<Output = ()> {
        forever()
    }
    let row = row(|| {
        let mut future = pin!(wait(1));
        let inside = Context::current().with_actor(Actor::user("user_2"));
        context::sync_scope(inside, || assert!(poll_once(future.as_mut()).is_pending()));
    });
    assert_eq!((row.outcome, row.actor_id.as_deref()), (Outcome::Cancelled, Some("user_2")));
}

//! Annotated calls that end in every way: with a value, in a panic, or dropped at an await point.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use audit_core::{Actor, Auditor, Context, Error, audited, context};
use futures_util::FutureExt as _;
use serde::{Serialize, Serializer};
use tokio::task::yield_now;
use uuid::Uuid;

use super::Acks;
use crate::dice::Dice;
use crate::dropped::dropped_after;

/// Of so many calls one is dropped, one panics, and one captures what cannot be serialised.
const MISHAP: u64 = 4;
/// A call that is dropped is polled less often than this, and its body waits less often.
const POLLS: usize = 6;

/// What one task does.
pub(super) struct Calls {
    pub(super) auditor: Auditor,
    /// Calls that have come to their end, and were promised to be kept by then.
    pub(super) ended: Arc<Acks>,
    /// Calls that were announced, and whose bodies ran.
    pub(super) ran: Arc<Acks>,
    pub(super) stop: Arc<AtomicBool>,
    /// How long the writer may take to say that an entry is kept.
    pub(super) patience: Duration,
    pub(super) dice: Dice,
}

/// One call: its id is that of its target.
struct Call {
    id: Uuid,
    waits: usize,
    panics: bool,
    details: Details,
    ran: Arc<Acks>,
}

/// What a call captures.
struct Details {
    panics: bool,
}

#[audited(action = "project.updated", target_id = call.id, metadata(changes = call.details))]
async fn queued(call: &Call) -> Result<(), Error> {
    call.work().await
}

#[audited(action = "project.updated", target_id = call.id, metadata(changes = call.details), durability = "durable")]
async fn durable(call: &Call) -> Result<(), Error> {
    call.work().await
}

#[audited(action = "project.updated", target_id = call.id, metadata(changes = call.details), durability = "before")]
async fn announced(call: &Call) -> Result<(), Error> {
    call.ran.add(call.id).expect("the file takes a line");
    call.work().await
}

impl Calls {
    /// One call after the other.
    pub(super) async fn make(mut self) {
        let context = Context::new().with_auditor(self.auditor.clone()).with_actor(Actor::user("user_123"));
        while !self.stop.load(Ordering::Relaxed) {
            let call = self.call();
            let polls = if self.dice.is_one_of(MISHAP) { self.dice.below(POLLS) } else { usize::MAX };
            let began = Instant::now();
            let context = context.clone();
            let (ended, is_promised) = match self.dice.below(3) {
                0 => (end(polls, context::scope(context, queued(&call))).await, false),
                1 => (end(polls, context::scope(context, durable(&call))).await, true),
                _ => (end(polls, context::scope(context, announced(&call))).await, true),
            };
            // A call gives its value also where its entry was not kept in time, or not before the writer ended.
            let is_in_time = began.elapsed() < self.patience && !self.stop.load(Ordering::Relaxed);
            if is_promised && is_in_time && matches!(ended, Some(Ok(()))) {
                self.ended.add(call.id).expect("the file takes a line");
            }
            yield_now().await;
        }
    }

    fn call(&mut self) -> Call {
        Call {
            id: Uuid::now_v7(),
            waits: self.dice.below(POLLS),
            panics: self.dice.is_one_of(MISHAP),
            details: Details { panics: self.dice.is_one_of(MISHAP) },
            ran: Arc::clone(&self.ran),
        }
    }
}

impl Call {
    async fn work(&self) -> Result<(), Error> {
        for _ in 0..self.waits {
            yield_now().await;
        }
        if self.panics {
            // A panic that nobody has to read of.
            resume_unwind(Box::new("a call that panics"));
        }
        Ok(())
    }
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.panics {
            resume_unwind(Box::new("a serialiser that panics"));
        }
        serializer.serialize_str("a plan")
    }
}

/// Polls a call so often at most, and gives back its value, where it comes to one.
async fn end<T>(polls: usize, call: impl Future<Output = T>) -> Option<T> {
    dropped_after(polls, AssertUnwindSafe(call).catch_unwind()).await?.ok()
}

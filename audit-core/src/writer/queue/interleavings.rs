//! The queue under `shuttle`, which runs each scenario in many orders of its threads. A scenario in which somebody waits
//! for ever is a deadlock, which `shuttle` reports.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use shuttle::future::block_on;
use shuttle::thread::{self, JoinHandle};

use super::state::Phase;
use super::{DropReason, Limits, NotKept, Queue};
use crate::auditor::{Overflow, Stats};
use crate::writer::orders::{check, check_alone, join};
use crate::{ActionName, Actor, Entry};

/// Orders of threads to try for each scenario.
const ORDERS: usize = 2_000;
const LONG: Duration = Duration::from_hours(1);

fn queue(entries: usize, linger: Duration) -> Arc<Queue> {
    let overflow = Overflow::Block { at_most: LONG };
    let limits = Limits { entries, bytes: 1 << 20, overflow, batch_rows: 2, batch_bytes: 1 << 20, linger };
    Arc::new(Queue::new(limits, 2))
}

fn entry() -> Entry {
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    Entry::builder(action).actor(Actor::user("user_123")).build()
}

fn observe(queue: &Queue) -> Stats {
    let stats = queue.stats();
    assert!(stats.is_balanced(), "{stats:?}");
    stats
}

/// A lane that stores each second batch by way of the journal, until the queue is drained.
fn lane(queue: &Arc<Queue>, lane: usize) -> JoinHandle<()> {
    let queue = Arc::clone(queue);
    thread::spawn(move || {
        let (mut batches, mut in_journal) = (0, 0);
        loop {
            let Some(batch) = block_on(queue.take(lane)) else {
                if queue.leave(lane) {
                    break;
                }
                continue;
            };
            assert!(!batch.is_empty());
            observe(&queue);
            batches += 1;
            if batches % 2 == 0 {
                queue.landed(lane, 0);
                continue;
            }
            queue.journaled(lane);
            in_journal += 1;
            observe(&queue);
            if in_journal > 1 {
                queue.landed_journaled(lane, 1);
                in_journal -= 1;
            }
        }
        for _ in 0..in_journal {
            queue.landed_journaled(lane, 0);
        }
        observe(&queue);
    })
}

/// A caller for each way of using a place.
fn callers(queue: &Arc<Queue>) -> Vec<JoinHandle<()>> {
    let spawn = |work: fn(Arc<Queue>)| {
        let queue = Arc::clone(queue);
        thread::spawn(move || work(queue))
    };
    vec![
        spawn(|queue| {
            if let Ok(place) = block_on(queue.reserve()) {
                let _ = place.fill(entry());
            }
            observe(&queue);
        }),
        spawn(|queue| {
            let Ok(place) = block_on(queue.reserve()) else { return };
            let Ok(acknowledgement) = place.fill_durably(entry(), LONG) else { return };
            if block_on(acknowledgement).is_ok() {
                let stats = observe(&queue);
                assert!(stats.stored + stats.journaled + stats.dead_lettered > 0, "{stats:?}");
            }
        }),
        spawn(|queue| {
            // A caller that gives up: before its turn came, or with a place in its hand.
            let mut reserving = Box::pin(queue.reserve());
            let _ = reserving.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            thread::yield_now();
            drop(reserving);
            drop(block_on(queue.reserve()));
            let _ = queue.push_unreserved(entry());
        }),
    ]
}

#[test]
fn every_entry_is_stored_and_nobody_waits_for_ever() {
    check(ORDERS, || {
        let queue = queue(1, Duration::ZERO);
        let lanes = vec![lane(&queue, 0), lane(&queue, 1)];
        join(callers(&queue));
        queue.drain();
        join(lanes);
        queue.close();
        let stats = observe(&queue);
        assert_eq!((stats.waiting, stats.unconfirmed), (0, 0), "{stats:?}");
        assert_eq!(queue.state().reserved, 0, "each place was filled, or went back");
        assert_eq!(stats.dropped_by.no_writer, 0, "{stats:?}");
    });
}

#[test]
fn a_shutdown_at_any_moment_accounts_for_every_entry_and_releases_everybody() {
    check(ORDERS, || {
        let queue = queue(1, Duration::ZERO);
        let lanes = vec![lane(&queue, 0), lane(&queue, 1)];
        let mut threads = callers(&queue);
        let flusher = Arc::clone(&queue);
        threads.push(thread::spawn(move || {
            let _ = block_on(flusher.flush(LONG));
        }));
        queue.drain();
        join(lanes);
        queue.close();
        join(threads);
        let stats = observe(&queue);
        assert_eq!(stats.waiting, 0, "{stats:?}");
        assert_eq!(queue.lost(), 0, "what was taken in was taken by the lane: {stats:?}");
        assert_eq!(queue.state().reserved, 0, "each place was filled, or went back");
    });
}

#[test]
fn what_is_taken_in_while_the_queue_drains_is_taken_by_a_lane() {
    check(ORDERS, || {
        let queue = queue(10, Duration::ZERO);
        let place = block_on(queue.reserve()).expect("there is room");
        let lanes = vec![lane(&queue, 0), lane(&queue, 1)];
        queue.drain();
        let is_taken_in = place.fill(entry()).is_ok();
        join(lanes);
        queue.close();
        let stats = observe(&queue);
        assert_eq!((stats.stored + stats.dead_lettered, queue.lost()), (u64::from(is_taken_in), 0), "{stats:?}");
    });
}

/// A lane that stores each batch by way of the journal, at once.
fn prompt_lane(queue: &Arc<Queue>) -> JoinHandle<()> {
    let queue = Arc::clone(queue);
    thread::spawn(move || {
        while block_on(queue.take(0)).is_some() {
            queue.journaled(0);
            observe(&queue);
            queue.landed_journaled(0, 0);
        }
    })
}

#[test]
fn whole_batches_are_taken_by_lanes_with_something_in_hand_and_by_others() {
    check(ORDERS, || {
        for is_other_idle in [true, false] {
            let queue = queue(10, LONG);
            let (busy, other) = (Arc::clone(&queue), Arc::clone(&queue));
            let busy = thread::spawn(move || {
                assert_eq!(block_on(busy.take_full(0)).len(), 2);
                busy.landed(0, 0);
            });
            let other = thread::spawn(move || {
                let take = async { if is_other_idle { other.take(1).await } else { Some(other.take_full(1).await) } };
                assert_eq!(block_on(take).map(|entries| entries.len()), Some(2));
                other.landed(1, 0);
            });
            for _ in 0..4 {
                queue.push_unreserved(entry()).expect("there is room");
            }
            join(vec![busy, other]);
            assert_eq!(observe(&queue).stored, 4);
        }
    });
}

#[test]
fn a_lane_with_something_in_hand_leaves_less_than_a_batch_to_others() {
    check(ORDERS, || {
        let queue = queue(10, LONG);
        let patient = Arc::clone(&queue);
        let patient = thread::spawn(move || {
            let mut taking = Box::pin(patient.take_full(0));
            assert!(taking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        });
        let kept = queue.push_unreserved_durably(entry(), LONG).expect("there is room");
        assert_eq!(block_on(queue.take(1)).map(|entries| entries.len()), Some(1));
        queue.landed(1, 0);
        block_on(kept).expect("it is stored");
        join(vec![patient]);
    });
}

#[test]
fn a_batch_is_waited_for_from_when_its_turn_came() {
    check(1, || {
        let queue = queue(10, LONG);
        for _ in 0..4 {
            queue.push_unreserved(entry()).expect("there is room");
        }
        for _ in 0..2 {
            assert_eq!(block_on(queue.take_full(0)).len(), 2);
        }
        let turn = Instant::now();
        queue.landed(0, 0);
        assert!(queue.pressure().held_since >= Some(turn));
    });
}

#[test]
fn a_flush_or_a_durable_caller_ends_a_linger_without_end() {
    check(ORDERS, || {
        let queue = queue(10, LONG);
        let lane = prompt_lane(&queue);
        queue.push_unreserved(entry()).expect("there is room");
        let caller = Arc::clone(&queue);
        let durable = thread::spawn(move || {
            let kept = caller.push_unreserved_durably(entry(), LONG).expect("there is room");
            block_on(kept).expect("the lane stores it");
        });
        block_on(queue.flush(LONG)).expect("the lane stores it");
        join(vec![durable]);
        queue.drain();
        join(vec![lane]);
        assert_eq!(observe(&queue).waiting, 0);
    });
}

#[test]
fn a_flush_ends_only_when_what_came_before_it_is_stored() {
    check(ORDERS, || {
        let queue = queue(10, LONG);
        let lane = prompt_lane(&queue);
        queue.push_unreserved(entry()).expect("there is room");
        let later = Arc::clone(&queue);
        let later = thread::spawn(move || later.push_unreserved(entry()).expect("there is room"));
        queue.push_unreserved(entry()).expect("there is room");
        block_on(queue.flush(LONG)).expect("the lane stores it");
        assert!(observe(&queue).stored >= 2);
        join(vec![later]);
        queue.drain();
        join(vec![lane]);
    });
}

#[test]
fn a_lane_that_dies_leaves_nobody_waiting_and_nothing_acknowledged() {
    check(ORDERS, || {
        let queue = queue(1, Duration::ZERO);
        let place = block_on(queue.reserve()).expect("there is room");
        let kept = place.fill_durably(entry(), LONG).expect("the queue is open");
        let threads = {
            let (dying, flushing) = (Arc::clone(&queue), Arc::clone(&queue));
            let dies = move || {
                drop(block_on(dying.take(0)));
                dying.close();
            };
            vec![thread::spawn(dies), thread::spawn(move || assert_eq!(block_on(flushing.flush(LONG)), Err(1)))]
        };
        assert_eq!(block_on(kept), Err(NotKept::Lost));
        join(threads);
        let stats = observe(&queue);
        assert_eq!((stats.dropped_by.no_writer, queue.lost(), stats.unconfirmed), (1, 1, 1));
    });
}

#[test]
fn a_deadline_at_any_moment_ends_each_wait_once() {
    check(ORDERS, || {
        let queue = queue(1, LONG);
        let kept = queue.push_unreserved_durably(entry(), LONG).expect("there is room");
        let (reserving, flushing) = (Arc::clone(&queue), Arc::clone(&queue));
        let waiting = vec![
            thread::spawn(move || assert_ne!(block_on(kept), Err(NotKept::Lost))),
            thread::spawn(move || {
                let _ = block_on(flushing.flush(LONG));
            }),
            thread::spawn(move || match block_on(reserving.reserve()) {
                Ok(place) => drop(place),
                Err(reason) => assert_eq!(reason, DropReason::QueueFull),
            }),
        ];
        let lane = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                block_on(queue.take(0)).expect("a durable caller waits for it");
                queue.landed(0, 0);
            })
        };
        // The keeper of deadlines, by a clock that runs fast.
        let keeper = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                while queue.state().phase == Phase::Open {
                    queue.expire(Instant::now() + 2 * LONG);
                    observe(&queue);
                    thread::yield_now();
                }
            })
        };
        join(waiting);
        queue.drain();
        join(vec![lane, keeper]);
        let stats = observe(&queue);
        assert_eq!((stats.stored, stats.waiting), (1, 0), "{stats:?}");
    });
}

#[test]
fn what_a_panic_takes_with_it_is_dropped_counted_and_told() {
    check(ORDERS, || {
        let queue = queue(10, Duration::ZERO);
        let kept = queue.push_unreserved_durably(entry(), LONG).expect("there is room");
        let waiting = thread::spawn(move || assert_eq!(block_on(kept), Err(NotKept::Lost)));
        drop(block_on(queue.take(0)));
        queue.lost_in_flight(0, 0);
        join(vec![waiting]);
        let gap = block_on(queue.take(0)).expect("an entry tells of it");
        assert_eq!(gap[0].action.as_str(), "audit.gap");
        let stats = observe(&queue);
        assert_eq!((stats.dropped_by.panicked, stats.waiting), (1, 1), "{stats:?}");
        queue.landed(0, 0);
        queue.lost_in_flight(0, 0);
        assert_eq!(queue.lost(), 1);
    });
}

#[test]
fn what_is_dropped_while_the_queue_drains_is_told_once() {
    check_alone(1, || {
        let queue = queue(10, Duration::ZERO);
        let place = block_on(queue.reserve()).expect("there is room");
        queue.drain();
        // There is nothing to tell of yet.
        assert!(block_on(queue.take(0)).is_none());
        place.fill(entry()).expect("the call was in progress");
        drop(block_on(queue.take(0)).expect("an entry"));
        // A panic over it.
        queue.lost_in_flight(0, 0);
        drop(block_on(queue.take(0)).expect("an entry that tells of it"));
        // Over that one, too.
        queue.lost_in_flight(0, 0);
        assert!(block_on(queue.take(0)).is_none(), "it would never end");
        assert!(queue.leave(0));
    });
}

#[test]
fn a_lost_header_without_rows_fails_no_flush() {
    check(ORDERS, || {
        let queue = queue(1, Duration::ZERO);
        queue.take_nothing(0);
        queue.journaled(0);
        queue.push_unreserved(entry()).expect("there is room");
        let flushing = Arc::clone(&queue);
        let flush = thread::spawn(move || assert_eq!(block_on(flushing.flush(LONG)), Ok(())));
        queue.lost_journaled(0);
        drop(block_on(queue.take(0)).expect("an entry"));
        queue.landed(0, 0);
        join(vec![flush]);
    });
}

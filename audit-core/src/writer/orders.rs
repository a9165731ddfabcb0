//! Scenarios of several threads under `shuttle`, in many orders of them. Whoever waits for ever is a deadlock, which `shuttle`
//! reports.

use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread::JoinHandle;
use shuttle::{Config, Runner};

/// A lane's future is larger than what `shuttle` gives a thread by itself.
const STACK_BYTES: usize = 1 << 20;

/// Runs a scenario in so many orders of its threads drawn at random, and in as many that change threads seldom, at the worst
/// moments.
pub(super) fn check(orders: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = Arc::new(scenario);
    let again = Arc::clone(&scenario);
    check_alone(orders, move || scenario());
    Runner::new(PctScheduler::new(3, orders), config()).run(move || again());
}

/// Runs a scenario of one thread so often.
pub(super) fn check_alone(times: usize, scenario: impl Fn() + Send + Sync + 'static) {
    Runner::new(RandomScheduler::new(times), config()).run(scenario);
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config
}

pub(super) fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("no thread panics");
    }
}

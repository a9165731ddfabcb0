//! How long to wait between attempts.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::queue::Queue;
use super::sync;

/// The first pause after a failure; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Ever longer pauses with jitter, without end.
pub(super) fn pauses(longest: Duration) -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE.min(longest))
        .with_max_delay(longest)
        .without_max_times()
        .with_jitter()
        .build()
        .map(move |pause| pause.min(longest))
}

/// The pauses between attempts at one thing. The end of the queue cuts one of them short: the store may be back, and
/// there may be little time left.
pub(super) struct Pauses {
    queue: Arc<Queue>,
    lengths: Box<dyn Iterator<Item = Duration> + Send>,
    cut_short: bool,
}

impl Pauses {
    pub(super) fn new(queue: &Arc<Queue>, longest: Duration) -> Self {
        Self { queue: Arc::clone(queue), lengths: Box::new(pauses(longest)), cut_short: false }
    }

    pub(super) async fn wait(&mut self) {
        let pause = sync::sleep(self.lengths.next().unwrap_or_default());
        if self.cut_short {
            return pause.await;
        }
        tokio::select! {
            () = pause => {}
            () = self.queue.draining() => self.cut_short = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_ceiling_and_no_two_writers_keep_step() {
        let longest = Duration::from_secs(5);
        let writers: Vec<Vec<Duration>> = (0..4).map(|_| pauses(longest).take(100).collect()).collect();
        for writer in &writers {
            assert!((FIRST_PAUSE..2 * FIRST_PAUSE).contains(&writer[0]), "{writer:?}");
            assert!(writer.iter().all(|pause| *pause <= longest), "{writer:?}");
            assert_eq!(writer.last(), Some(&longest));
        }
        assert!(writers.iter().any(|writer| writer[..5] != writers[0][..5]), "{writers:?}");
    }

    #[test]
    fn a_ceiling_below_the_first_pause_holds_too() {
        let longest = Duration::from_millis(1);
        assert!(pauses(longest).take(100).all(|pause| pause <= longest));
    }
}

//! Points in time that a wait ends at.

use std::time::{Duration, Instant};

/// As good as never, and still a point in time.
const FAR: Duration = Duration::from_hours(24 * 365 * 30);

/// So much later than a moment; any duration will do, `Duration::MAX` too.
pub(crate) fn after(moment: Instant, duration: Duration) -> Instant {
    moment.checked_add(duration).unwrap_or_else(|| moment + FAR)
}

/// So much later than now.
pub(crate) fn in_future(duration: Duration) -> Instant {
    after(Instant::now(), duration)
}

//! How long a run with chance in it goes on.

use std::time::Duration;

use clap::Args;

/// How long a run with chance in it goes on.
#[derive(Debug, Args)]
pub struct Length {
    /// How many minutes to go on
    #[arg(long, default_value_t = 0)]
    minutes: u64,

    /// How many seconds, beside the minutes; 30 if neither is said
    #[arg(long, default_value_t = 0)]
    seconds: u64,
}

impl Length {
    /// The time.
    #[must_use]
    pub const fn time(&self) -> Duration {
        match self.minutes * 60 + self.seconds {
            0 => Duration::from_secs(30),
            seconds => Duration::from_secs(seconds),
        }
    }
}

//! What the status of a response says, whatever framework it goes through.

use crate::Outcome;

/// 401 and 403 are denied, the other codes from 400 to 599 failures, and all others successes.
pub(crate) const fn outcome_of_status(code: u16) -> Outcome {
    match code {
        401 | 403 => Outcome::Denied,
        400..600 => Outcome::Failure,
        _ => Outcome::Success,
    }
}

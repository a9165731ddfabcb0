//! What is the same for every call of one audited function.

use crate::catalog::ActionInfo;
use crate::catalog::check::Place;
use crate::coverage::place::SourcePlace;
use crate::{Durability, Outcome};

/// What is the same for every call of one audited function.
#[derive(Debug)]
pub struct Site {
    /// What the catalog says of the action.
    pub info: &'static ActionInfo,
    /// Where the catalog says it.
    pub action: Place,
    /// Which outcomes are recorded.
    pub on: On,
    /// What has happened to the entry when the function returns.
    pub durability: Durability,
    /// Metadata that the body supplies through `annotate!`.
    pub later: &'static [&'static str],
    /// Where in the source the function stands.
    pub place: SourcePlace,
}

impl Site {
    /// A use of the attribute; what it does not say of the durability, the catalog does.
    #[must_use]
    pub const fn new(
        action: Place,
        on: On,
        durability: Option<Durability>,
        later: &'static [&'static str],
        place: SourcePlace,
    ) -> Self {
        let durability = match durability {
            Some(durability) => durability,
            None => action.info.durability,
        };
        Self { info: action.info, action, on, durability, later, place }
    }
}

/// Which outcomes are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Success alone.
    Success,
    /// Everything but success.
    Failure,
    /// Every outcome.
    Always,
}

impl On {
    pub(super) fn includes(self, outcome: Outcome) -> bool {
        match self {
            Self::Success => outcome == Outcome::Success,
            Self::Failure => outcome != Outcome::Success,
            Self::Always => true,
        }
    }
}

//! Numbers as people read them.

use audit_core::query::{Basis, Overview};

/// `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How sure numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    Exact,
    Estimated,
}

impl Precision {
    pub(super) fn of(overview: &Overview) -> Self {
        if overview.basis == Basis::Parts { Self::Estimated } else { Self::Exact }
    }

    /// `1,234`, or `~1,200`: of what is estimated two digits are more than enough.
    pub(super) fn tell(self, number: u64) -> String {
        match self {
            Self::Exact => thousands(number),
            Self::Estimated => {
                let unit = 10_u64.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(1));
                format!("~{}", thousands(number / unit * unit))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_threes() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn estimates_do_not_look_exact() {
        let told = [0, 7, 42, 1_234_567, u64::MAX].map(|number| Precision::Estimated.tell(number));
        assert_eq!(told, ["~0", "~7", "~42", "~1,200,000", "~18,000,000,000,000,000,000"]);
    }
}

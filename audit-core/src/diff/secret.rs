//! Secrets: compared, never recorded.
//!
//! A secret that implements `PartialEq` is compared by it; the types of `secrecy` do not, on purpose, and are compared
//! by what they expose. Which of the two is chosen by the methods of [`Compared`]: behind two references, the
//! one of [`SameByEq`] is found first wherever it applies.

use serde_json::Value;

use super::fields::redacted;
use super::json::leaf;

/// A secret that can be compared, though it is not `PartialEq`.
#[diagnostic::on_unimplemented(
    message = "the secret `{Self}` cannot be compared",
    label = "neither `PartialEq` nor a type of `secrecy`",
    note = "write `#[audit(secret = |secret| EXPR)]`, where `EXPR` is what tells two of them apart; it is not recorded",
    note = "types of `secrecy` need the feature `secrecy` of audit-core"
)]
pub trait Secret {
    /// Whether it is the same secret.
    fn is_same(&self, other: &Self) -> bool;
}

#[cfg(feature = "secrecy")]
impl<S: secrecy::zeroize::Zeroize + PartialEq + ?Sized> Secret for secrecy::SecretBox<S> {
    fn is_same(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret;
        self.expose_secret() == other.expose_secret()
    }
}

impl<T: Secret> Secret for Option<T> {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(one), Some(other)) => one.is_same(other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl<T: Secret> Secret for Vec<T> {
    fn is_same(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other).all(|(one, other)| one.is_same(other))
    }
}

/// Two secrets to compare.
#[derive(Debug)]
pub struct Compared<'a, T>(pub &'a T, pub &'a T);

/// Compares by `PartialEq`.
pub trait SameByEq {
    /// Whether it is the same secret.
    fn is_same(&self) -> bool;
}

impl<T: PartialEq> SameByEq for &Compared<'_, T> {
    fn is_same(&self) -> bool {
        self.0 == self.1
    }
}

/// Compares by `Secret`.
pub trait SameBySecret<T> {
    /// Whether it is the same secret.
    fn is_same(&self) -> bool
    where
        T: Secret;
}

impl<T> SameBySecret<T> for Compared<'_, T> {
    fn is_same(&self) -> bool
    where
        T: Secret,
    {
        self.0.is_same(self.1)
    }
}

/// The changes of a secret, by whether it is still the same.
#[must_use]
pub fn secret_changes(same: impl FnOnce() -> bool) -> Option<Value> {
    (!same()).then(|| leaf(redacted(), redacted()))
}

/// The changes of a secret, by something of it that can be compared.
pub fn secret_changes_by<'a, T: ?Sized, K: PartialEq>(
    before: &'a T,
    after: &'a T,
    key: impl Fn(&'a T) -> K,
) -> Option<Value> {
    secret_changes(|| key(before) == key(after))
}

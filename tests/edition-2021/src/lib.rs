//! Audited functions of the older edition, of every shape, which nobody calls: they are found all the same.
#![forbid(unsafe_code)]
#![deny(warnings, clippy::pedantic, clippy::nursery)]

use std::fmt;
use std::marker::PhantomData;

use audit_core::{Diff, audited};

/// A function of its own.
#[audited(action = "secret.created", target_id = name)]
pub async fn create(name: &str) {}

/// A function with parameters of every kind.
#[audited(action = "secret.accessed", target_id = N)]
pub fn read<'a, const N: usize, T: fmt::Debug>(value: &'a T, _twice: impl Fn() -> T) -> &'a T {
    value
}

/// A function that holds another.
pub fn outer() {
    let rotate = || {
        #[audited(action = "secret.rotated", target_id = "inner")]
        fn inner() {}
        inner();
    };
    rotate();
}

/// A type with parameters.
#[derive(Debug)]
pub struct Vault<T>(PhantomData<T>);

/// A type whose changes are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Diff)]
pub enum Policy<T> {
    /// Nothing to compare.
    None,
    /// One value.
    Named(String),
    /// A secret value.
    Keyed(#[audit(secret)] u64),
    /// Values with names.
    Shared {
        /// Compared.
        with: Vec<T>,
        /// Compared, and not shown.
        #[audit(secret = String::len)]
        key: String,
        /// Not compared.
        #[audit(skip)]
        rest: PhantomData<T>,
    },
}

/// A trait with a body in it.
pub trait Sealed {
    /// A default method.
    #[audited(action = "secret.rotated", target_id = "any")]
    fn seal(&self) {}
    /// A method that is implemented elsewhere.
    fn open(&self);
}

impl<T: fmt::Debug + Sync> Vault<T> {
    /// A method.
    ///
    /// # Errors
    ///
    /// Never.
    #[audited(action = "secret.accessed", target_id = name)]
    pub async fn get(&self, name: &str) -> Result<(), fmt::Error> {
        Ok(())
    }
}

impl<T: fmt::Debug> Sealed for Vault<T> {
    #[audited(action = "secret.accessed", target_id = "any")]
    fn open(&self) {}
}

//! A field as the derive records it.
//!
//! The derive names a field twice, to record it and to compare it, and a type that can do neither is one mistake: it
//! is reported where the field is compared. So recording never fails to compile: behind two references, the methods of
//! [`RecordedByDiff`] and [`RecordedBySerialize`] are found first wherever they apply, and otherwise those of
//! [`NotRecorded`], in programs that do not compile anyway.

use serde::Serialize;
use serde_json::Value;

use super::Diff;
use super::fields::serialized;

/// A field to record.
#[derive(Debug)]
pub struct Recorded<'a, T>(pub &'a T);

/// Records what implements `Diff`.
pub trait RecordedByDiff {
    /// The field as it is recorded.
    fn recorded(&self) -> Value;
}

impl<T: Diff> RecordedByDiff for &Recorded<'_, T> {
    fn recorded(&self) -> Value {
        self.0.record()
    }
}

/// Records what serialises.
pub trait RecordedBySerialize {
    /// The field as it is serialised.
    fn serialized(&self) -> Value;
}

impl<T: Serialize> RecordedBySerialize for &Recorded<'_, T> {
    fn serialized(&self) -> Value {
        serialized(self.0)
    }
}

/// Stands in for both in programs that do not compile.
pub trait NotRecorded {
    /// Nothing.
    fn recorded(&self) -> Value;
    /// Nothing.
    fn serialized(&self) -> Value;
}

impl<T> NotRecorded for Recorded<'_, T> {
    fn recorded(&self) -> Value {
        Value::Null
    }

    fn serialized(&self) -> Value {
        Value::Null
    }
}

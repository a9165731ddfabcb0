//! Values that are recorded as text: target ids, and what is kept of errors.

use std::fmt::{Debug, Display};

use super::Captures;

/// A value, or an `Option` of one, that is recorded as text.
#[derive(Debug)]
pub struct Shown<'a, T: ?Sized>(pub &'a T);

/// What has a text: anything that implements `Display`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no text to record",
    label = "`{Self}` does not implement `Display`",
    note = "write an expression whose value implements `Display`, or an `Option` of one"
)]
pub trait Text {
    /// The text.
    fn to_text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> Text for T {
    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// What holds a value or none. One trait for all, because the compiler is to find one method also where it knows no
/// type: behind a mistake, which is then reported once.
pub trait Optional {
    /// The type of the value.
    type Value;
    /// The value, where there is one.
    fn value(&self) -> Option<&Self::Value>;
}

impl<T> Optional for Option<T> {
    type Value = T;

    fn value(&self) -> Option<&T> {
        self.as_ref()
    }
}

impl<T> Optional for &Option<T> {
    type Value = T;

    fn value(&self) -> Option<&T> {
        self.as_ref()
    }
}

impl<O: Optional> Shown<'_, O> {
    /// The text, where there is a value.
    #[must_use]
    pub fn text(self) -> Option<String>
    where
        O::Value: Text,
    {
        self.0.value().map(Text::to_text)
    }

    /// Captures the target id of a value that is there already.
    pub fn capture_target_id(self, captures: &mut Captures)
    where
        O::Value: Text,
    {
        captures.target_id(|| self.text());
    }
}

/// Values that are no `Option`.
pub trait Plain<T: ?Sized> {
    /// The text.
    fn text(self) -> Option<String>
    where
        T: Text;

    /// Captures the target id of a value that is there already.
    fn capture_target_id(self, captures: &mut Captures)
    where
        T: Text;
}

impl<T: ?Sized> Plain<T> for Shown<'_, T> {
    fn text(self) -> Option<String>
    where
        T: Text,
    {
        Some(self.0.to_text())
    }

    fn capture_target_id(self, captures: &mut Captures)
    where
        T: Text,
    {
        captures.target_id(|| self.text());
    }
}

/// What `%` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be recorded by `%`",
    label = "`{Self}` does not implement `Display`",
    note = "write `?value` to record it by its `Debug`, or an expression over a part of it"
)]
pub trait ByDisplay {
    /// The text.
    fn displayed(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> ByDisplay for T {
    fn displayed(&self) -> String {
        self.to_string()
    }
}

/// What `?` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be recorded by `?`",
    label = "`{Self}` does not implement `Debug`",
    note = "write `#[derive(Debug)]` on a type without secrets, or an expression over a part of it"
)]
pub trait ByDebug {
    /// The text.
    fn debugged(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Debug + ?Sized> ByDebug for T {
    fn debugged(&self) -> String {
        format!("{self:?}")
    }
}

/// The text of a value by its `Display`.
pub fn displayed<T: ByDisplay + ?Sized>(value: &T) -> String {
    value.displayed()
}

/// The text of a value by its `Debug`.
pub fn debugged<T: ByDebug + ?Sized>(value: &T) -> String {
    value.debugged()
}

#[cfg(test)]
mod tests {
    use super::{Plain as _, Shown};

    #[test]
    fn none_is_no_text_and_some_is_that_of_its_value() {
        assert_eq!(Shown(&7).text().as_deref(), Some("7"));
        assert_eq!(Shown("text").text().as_deref(), Some("text"));
        assert_eq!(Shown(&Some("text")).text().as_deref(), Some("text"));
        assert_eq!(Shown(&&None::<u32>).text(), None);
    }
}

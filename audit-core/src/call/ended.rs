//! What a returned value tells about the call.
//!
//! Which method is meant is decided by the compiler's search for methods, which prefers a type's own
//! methods to those of traits, where what they ask of the type holds. So an expansion can ask any type, whether
//! it implements `Display` or not. A type that hides its `Result` (a type parameter, an
//! `impl Trait`) is a value like any other, and so a success.

use std::any::type_name;
use std::convert::Infallible;
use std::fmt::Display;

/// A value that an audited function returned: [`Self::split`] takes a `Result` apart.
#[derive(Debug)]
pub struct Ended<'a, T>(pub &'a T);

impl<'a, T, E> Ended<'a, Result<T, E>> {
    /// The success value, or the error.
    pub const fn split(self) -> Result<&'a T, &'a E> {
        self.0.as_ref()
    }
}

/// Values that are no `Result`.
pub trait Whole<'a, T> {
    /// The value.
    fn split(self) -> Result<&'a T, &'a Infallible>;
}

impl<'a, T> Whole<'a, T> for Ended<'a, T> {
    fn split(self) -> Result<&'a T, &'a Infallible> {
        Ok(self.0)
    }
}

/// An error, asked for its text: `ErrorText(error).words()`.
#[derive(Debug)]
pub struct ErrorText<'a, E>(pub &'a E);

/// The text of an error, before anybody has asked for it.
#[expect(missing_debug_implementations, reason = "nobody asks for it")]
pub enum Words<'a> {
    /// What it displays.
    Displayed(&'a dyn Display),
    /// The name of its type.
    Type(&'static str),
}

impl Words<'_> {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Displayed(error) => error.to_string(),
            Self::Type(name) => (*name).to_owned(),
        }
    }
}

impl<'a, E: Display> ErrorText<'a, E> {
    /// The text.
    #[must_use]
    pub fn words(self) -> Words<'a> {
        Words::Displayed(self.0)
    }
}

/// An error that has none.
pub trait AnyError<'a> {
    /// The name of its type.
    fn words(self) -> Words<'a>;
}

impl<'a, E> AnyError<'a> for ErrorText<'a, E> {
    fn words(self) -> Words<'a> {
        Words::Type(type_name::<E>())
    }
}

/// A value that a plain function returned, which must not be a future: `Finished(&value).check()`.
#[derive(Debug)]
pub struct Finished<'a, T>(pub &'a T);

impl<T: Future> Finished<'_, T> {
    /// Refuses futures, whose work has not begun when the function returns them, while the program compiles.
    pub fn check(self)
    where
        Self: AuditedFuture,
    {
    }
}

/// What no future is that the attribute did not recognise.
#[diagnostic::on_unimplemented(
    message = "this function returns a future, so its call would end before the work begins",
    label = "`#[audited]` does not see that this is a future",
    note = "make it an `async fn`, or write the type as `impl Future<Output = …>` or `Pin<Box<dyn Future<Output = …>>>`"
)]
pub trait AuditedFuture {}

/// Any other value.
pub trait NoFuture {
    /// Accepts the function.
    fn check(self);
}

impl<T> NoFuture for Finished<'_, T> {
    fn check(self) {}
}

#[cfg(test)]
mod tests {
    use super::{AnyError as _, Ended, ErrorText, Whole as _};

    struct Refusal;

    #[test]
    fn only_a_result_is_taken_apart() {
        let failed: Result<String, &str> = Err("no");
        assert_eq!(Ended(&failed).split(), Err(&"no"));
        assert_eq!(Ended(&"bare").split().ok(), Some(&"bare"));
    }

    #[test]
    fn an_error_without_a_text_gives_the_name_of_its_type() {
        assert_eq!(ErrorText(&"no").words().text(), "no");
        assert!(ErrorText(&Refusal).words().text().ends_with("Refusal"));
    }
}

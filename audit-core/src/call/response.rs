//! Values that become a response without a say in its status.

use std::borrow::Cow;
use std::convert::Infallible;

/// A value that means the usual outcome where a web framework makes a response of it.
pub trait UsualResponse {}

impl UsualResponse for () {}
impl UsualResponse for Infallible {}
impl UsualResponse for str {}
impl UsualResponse for String {}
impl<T> UsualResponse for [T] {}
impl<T, const N: usize> UsualResponse for [T; N] {}
impl<T> UsualResponse for Vec<T> {}
impl<T: UsualResponse + ?Sized> UsualResponse for &T {}
impl<T: UsualResponse + ?Sized> UsualResponse for Box<T> {}
impl<T: UsualResponse + ToOwned + ?Sized> UsualResponse for Cow<'_, T> {}

/// The types of `axum` itself, which become responses of the kind that their names say. (`Json` of a value that cannot
/// be serialised becomes a 500, which nobody knows before it is tried.)
#[cfg(feature = "axum")]
mod of_axum {
    use axum::body::{Body, Bytes};
    use axum::http::{Extensions, HeaderMap};
    use axum::response::{AppendHeaders, Html, IntoResponseParts, NoContent, Redirect};
    use axum::{Extension, Json};

    use super::UsualResponse;

    impl UsualResponse for Body {}
    impl UsualResponse for Bytes {}
    impl UsualResponse for Extensions {}
    impl UsualResponse for HeaderMap {}
    impl UsualResponse for NoContent {}
    impl UsualResponse for Redirect {}
    impl<I> UsualResponse for AppendHeaders<I> {}
    impl<T> UsualResponse for Extension<T> {}
    impl<T> UsualResponse for Html<T> {}
    impl<T> UsualResponse for Json<T> {}

    macro_rules! parts_before {
        ($($part:ident)*) => {
            impl<$($part: IntoResponseParts,)* R: UsualResponse> UsualResponse for ($($part,)* R) {}
        };
    }

    parts_before!(A);
    parts_before!(A B);
    parts_before!(A B C);
    parts_before!(A B C D);
}

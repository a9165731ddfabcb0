//! From the place of a field to what takes its value, in steps: the compiler tries every implementation of a trait in turn, and a
//! large catalog would have thousands. One implementation for each page of actions is all that the derive makes.
//!
//! An expansion goes to the [`Fields`] of its action once, and from that value to each field: the compiler remembers the
//! type of a value, and would look for a path's again.

use std::marker::PhantomData;

use super::check::{FREE, UNKNOWN};
use super::field::{Free, Typed, Unknown};

/// Where the actions of page `PAGE` in part `PART` of a catalog are. The derive implements it.
#[diagnostic::on_unimplemented(message = "the catalog has no such action")]
pub trait PageAt<const PART: usize, const PAGE: usize> {
    /// Has the actions.
    type Page;
}

/// Where the fields of action `ROW` of a page are.
#[diagnostic::on_unimplemented(message = "the catalog has no such action")]
pub trait ActionAt<const ROW: usize> {
    /// [`Fields`] of a list of their types.
    type Fields;
}

/// Where the value of field `F` of an action goes.
#[diagnostic::on_unimplemented(message = "the catalog has no such metadata field")]
pub trait FieldAt<const FIELD: usize> {
    /// Takes the value: [`Typed`], [`Free`] or [`Unknown`].
    type Sink;

    /// There is but one.
    const SINK: Self::Sink;
}

/// The fields of an action.
pub type FieldsAt<C, const PART: usize, const PAGE: usize, const ROW: usize> =
    <<C as PageAt<PART, PAGE>>::Page as ActionAt<ROW>>::Fields;

/// The page of an action that there is not: whatever is given for its fields is taken.
#[derive(Debug)]
pub struct NoPage;

impl<const ROW: usize> ActionAt<ROW> for NoPage {
    type Fields = Fields<List0>;
}

/// The types of an action's fields.
#[derive(Debug)]
pub struct Fields<T>(PhantomData<T>);

impl<T> Fields<T> {
    /// There is but one.
    pub const ALL: Self = Self(PhantomData);

    /// What takes the value of a field.
    #[must_use]
    pub const fn at<const FIELD: usize>(&self) -> T::Sink
    where
        T: FieldAt<FIELD>,
    {
        T::SINK
    }
}

impl<T> FieldAt<UNKNOWN> for T {
    type Sink = Unknown;

    const SINK: Unknown = Unknown;
}

impl<T> FieldAt<FREE> for T {
    type Sink = Free;

    const SINK: Free = Free;
}

macro_rules! lists {
    ($first:ident $($list:ident $item:ident = $n:literal)*) => {
        /// A list of types. One struct for each length: the compiler tells which implementations concern a type by its name.
        #[derive(Debug)]
        pub struct $first;

        lists!(@ [] $($list $item = $n)*);
    };
    (@ [$($before:ident = $m:literal)*]) => {};
    (@ [$($before:ident = $m:literal)*] $list:ident $item:ident = $n:literal $($rest:tt)*) => {
        /// A list of types.
        #[derive(Debug)]
        pub struct $list<$($before,)* $item>(PhantomData<($($before,)* $item,)>);

        lists!(@at $list [$($before)* $item] $($before = $m)* $item = $n);
        lists!(@ [$($before = $m)* $item = $n] $($rest)*);
    };
    (@at $list:ident $all:tt $($item:ident = $n:literal)*) => {
        $(lists!(@one $list $all $item = $n);)*
    };
    (@one $list:ident [$($all:ident)*] $item:ident = $n:literal) => {
        impl<$($all),*> ActionAt<$n> for $list<$($all),*> {
            type Fields = Fields<$item>;
        }

        impl<$($all),*> FieldAt<$n> for $list<$($all),*> {
            type Sink = Typed<$item>;

            const SINK: Typed<$item> = Typed::ONE;
        }
    };
}

// As long as the derive lets the fields of an action be, and longer than its pages.
lists! {
    List0
    List1 T0 = 0 List2 T1 = 1 List3 T2 = 2 List4 T3 = 3 List5 T4 = 4 List6 T5 = 5 List7 T6 = 6 List8 T7 = 7
    List9 T8 = 8 List10 T9 = 9 List11 T10 = 10 List12 T11 = 11 List13 T12 = 12 List14 T13 = 13 List15 T14 = 14
    List16 T15 = 15 List17 T16 = 16 List18 T17 = 17 List19 T18 = 18 List20 T19 = 19 List21 T20 = 20 List22 T21 = 21
    List23 T22 = 22 List24 T23 = 23 List25 T24 = 24 List26 T25 = 25 List27 T26 = 26 List28 T27 = 27 List29 T28 = 28
    List30 T29 = 29 List31 T30 = 30 List32 T31 = 31
}

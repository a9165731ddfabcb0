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
    /// [`Fields`] of the fields' types, nested: `(A, (B, ()))`.
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

/// The actions of a page, each by the types of its fields, nested: `((A, (B, ())), (…, ()))`.
#[derive(Debug)]
pub struct Page<T>(PhantomData<T>);

/// The page of an action that there is not: whatever is given for its fields is taken.
#[derive(Debug)]
pub struct NoPage;

impl<const ROW: usize> ActionAt<ROW> for NoPage {
    type Fields = Fields<()>;
}

/// The types of an action's fields.
#[derive(Debug)]
pub struct Fields<T>(PhantomData<T>);

impl<T> Fields<T> {
    /// There is but one.
    pub const ALL: Self = Self(PhantomData);

    /// What takes the value of a field.
    #[must_use]
    pub const fn at<const FIELD: usize>(&self) -> <Self as FieldAt<FIELD>>::Sink
    where
        Self: FieldAt<FIELD>,
    {
        Self::SINK
    }
}

impl<T> FieldAt<UNKNOWN> for Fields<T> {
    type Sink = Unknown;

    const SINK: Unknown = Unknown;
}

impl<T> FieldAt<FREE> for Fields<T> {
    type Sink = Free;

    const SINK: Free = Free;
}

macro_rules! nested {
    ($last:ident) => { $last };
    ($first:ident $($rest:ident)+) => { ($first, nested!($($rest)+)) };
}

macro_rules! at {
    ([$($before:ident)*]) => {};
    ([$($before:ident)*] $this:ident = $n:literal $($rest:tt)*) => {
        impl<$($before,)* $this, Rest> ActionAt<$n> for Page<nested!($($before)* $this Rest)> {
            type Fields = Fields<$this>;
        }

        impl<$($before,)* $this, Rest> FieldAt<$n> for Fields<nested!($($before)* $this Rest)> {
            type Sink = Typed<$this>;

            const SINK: Typed<$this> = Typed::ONE;
        }

        at!([$($before)* $this] $($rest)*);
    };
}

// As many as the derive lets an action have, and more than it puts on a page.
at! {
    []
    T0=0 T1=1 T2=2 T3=3 T4=4 T5=5 T6=6 T7=7 T8=8 T9=9 T10=10 T11=11 T12=12 T13=13 T14=14 T15=15 T16=16 T17=17 T18=18 T19=19 T20=20 T21=21 T22=22 T23=23 T24=24 T25=25 T26=26 T27=27 T28=28 T29=29 T30=30 T31=31
}

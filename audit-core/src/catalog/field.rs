//! Types of metadata fields, and which values may be given for them.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::ActionInfo;
use crate::call::Captures;
use crate::{Metadata, metadata};

/// Takes values for a field of type `T`.
#[derive(Debug)]
pub struct Typed<T>(PhantomData<T>);

/// Takes any value that serialises: free-form metadata.
#[derive(Debug)]
pub struct Free;

/// Takes anything: the field is unknown, which is reported elsewhere.
#[derive(Debug)]
pub struct Unknown;

impl<T> Typed<T> {
    /// There is but one.
    pub(super) const ONE: Self = Self(PhantomData);

    /// The value as it is recorded.
    pub fn encode<V: RecordAs<T> + ?Sized>(self, value: &V) -> Value {
        value.record()
    }

    /// Captures a value that is there already.
    pub fn capture<V: RecordAs<T> + ?Sized>(self, captures: &mut Captures, name: &'static str, value: &V) {
        captures.computed(name, || value.record());
    }
}

impl Free {
    /// The value as it is recorded.
    pub fn encode<V: Recordable + ?Sized>(self, value: &V) -> Value {
        value.to_record()
    }

    /// Captures a value that is there already.
    pub fn capture<V: Recordable + ?Sized>(self, captures: &mut Captures, name: &'static str, value: &V) {
        captures.computed(name, || value.to_record());
    }
}

impl Unknown {
    /// Nothing: a program that gets here does not compile.
    #[must_use]
    pub const fn encode<V: ?Sized>(self, _: &V) -> Value {
        Value::Null
    }

    /// Nothing, as well.
    pub const fn capture<V: ?Sized>(self, _: &mut Captures, _: &'static str, _: &V) {}
}

/// The value of a variant's field. It is recorded in the way of those that an attribute names, so that a type of the
/// user's own is recorded alike.
#[diagnostic::on_unimplemented(
    message = "a metadata field cannot be of type `{Self}`",
    label = "`{Self}` does not implement `RecordAs<{Self}>`",
    note = "implement `audit_core::catalog::FieldType` and `RecordAs` for it, or declare the field as a type that has them, as `serde_json::Value`"
)]
pub trait OwnValue {
    /// The value as it is recorded.
    fn record(&self) -> Value;
}

#[diagnostic::do_not_recommend]
impl<T: RecordAs<T>> OwnValue for T {
    fn record(&self) -> Value {
        RecordAs::record(self)
    }
}

/// The value of a variant's field that may be left out.
#[diagnostic::on_unimplemented(
    message = "a metadata field cannot be of type `{Self}`",
    label = "`{Self}` does not implement `RecordAs<{Self}>`",
    note = "implement `audit_core::catalog::FieldType` and `RecordAs` for what is in it, or declare the field as a type that has them, as `Option<serde_json::Value>`"
)]
pub trait OptionalValue {
    /// The value as it is recorded, where there is one.
    fn record(&self) -> Option<Value>;
}

#[diagnostic::do_not_recommend]
impl<T> OptionalValue for Option<T>
where
    Self: RecordAs<Self>,
{
    fn record(&self) -> Option<Value> {
        self.is_some().then(|| RecordAs::record(self))
    }
}

/// The metadata of an action, from the values of its fields in their order: those that it needs, and those that may be
/// left out.
#[must_use]
pub fn own_metadata(info: &ActionInfo, needed: &[&dyn OwnValue], optional: &[&dyn OptionalValue]) -> Metadata {
    let mut metadata = Metadata::new();
    for (field, value) in info.fields.iter().filter(|field| !field.optional).zip(needed) {
        metadata.insert_value(field.name, value.record());
    }
    for (field, value) in info.fields.iter().filter(|field| field.optional).zip(optional) {
        if let Some(value) = value.record() {
            metadata.insert_value(field.name, value);
        }
    }
    metadata
}

/// What the `None` of a field holds that is given as such.
#[derive(Debug, Serialize)]
pub enum Nothing {}

/// Fixes the type of a bare `None`.
#[must_use]
pub const fn absent(none: Option<Nothing>) -> Option<Nothing> {
    none
}

#[diagnostic::do_not_recommend]
impl<T: FieldType> RecordAs<T> for Nothing {
    fn record(&self) -> Value {
        match *self {}
    }
}

/// A type that a catalog may give to a metadata field, other than [`Value`].
///
/// Numbers, `bool`, `String`, [`Uuid`], [`DateTime<Utc>`], [`IpAddr`], and `Option` and `Vec` of them. A
/// type of one's own implements this trait, and [`RecordAs`] for itself; anything that serialises can be
/// given for a field of type [`Value`].
///
/// # Examples
///
/// ```
/// use audit_core::catalog::{FieldType, RecordAs};
///
/// enum Plan {
///     Free,
///     Paid,
/// }
///
/// impl FieldType for Plan {}
///
/// impl RecordAs<Plan> for Plan {
///     fn record(&self) -> serde_json::Value {
///         match self {
///             Self::Free => "free".into(),
///             Self::Paid => "paid".into(),
///         }
///     }
/// }
///
/// #[derive(audit_core::Catalog)]
/// enum Action {
///     /// An account changed its plan.
///     #[audit(action = "account.plan_changed", target = "account")]
///     PlanChanged { from: Option<Plan>, to: Plan },
/// }
///
/// let metadata = audit_core::Catalog::into_metadata(Action::PlanChanged { from: None, to: Plan::Paid });
/// assert_eq!(metadata.to_string(), r#"{"to":"paid"}"#);
/// # let _ = Plan::Free;
/// ```
pub trait FieldType {}

/// A value that may be given for a metadata field of type `T`.
///
/// Strings come as `&str`, `String`, `Box<str>` or `Cow<str>`, lists as `Vec`, slice or array, an
/// `Option` field takes the bare value too, and references are followed.
#[diagnostic::on_unimplemented(
    message = "this metadata field is declared as `{T}` in the catalog, but `{Self}` was given",
    label = "expected `{T}`",
    note = "write `%value` to record it by its `Display`, `?value` by its `Debug`, or declare the field as `serde_json::Value`"
)]
pub trait RecordAs<T> {
    /// The value as it is recorded.
    fn record(&self) -> Value;
}

/// A value that free-form metadata takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be recorded: it does not implement `Serialize`",
    label = "what does not serialise, such as a secret, does not enter the log",
    note = "name a part of it that may be read by everybody who reads the log, or write `%value` or `?value` to record its text"
)]
pub trait Recordable {
    /// The value as it is recorded.
    fn to_record(&self) -> Value;
}

#[diagnostic::do_not_recommend]
impl<V: Serialize + ?Sized> Recordable for V {
    fn to_record(&self) -> Value {
        to_value(self)
    }
}

macro_rules! record_as {
    ($($field:ty: $($value:ty),+;)*) => {$(
        impl FieldType for $field {}
        $(
            #[diagnostic::do_not_recommend]
            impl RecordAs<$field> for $value {
                fn record(&self) -> Value {
                    to_value(self)
                }
            }
            #[diagnostic::do_not_recommend]
            impl RecordAs<Option<$field>> for $value {
                fn record(&self) -> Value {
                    to_value(self)
                }
            }
        )+
    )*};
}

record_as! {
    bool: bool;
    i8: i8;
    i16: i16;
    i32: i32;
    i64: i64;
    isize: isize;
    u8: u8;
    u16: u16;
    u32: u32;
    u64: u64;
    usize: usize;
    f32: f32;
    f64: f64;
    String: String, str, Box<str>, Cow<'_, str>;
    Uuid: Uuid;
    DateTime<Utc>: DateTime<Utc>;
    IpAddr: IpAddr;
}

impl<T: FieldType> FieldType for Option<T> {}
impl<T: FieldType> FieldType for Vec<T> {}

#[diagnostic::do_not_recommend]
impl<T: FieldType, V: RecordAs<T>> RecordAs<Option<T>> for Option<V> {
    fn record(&self) -> Value {
        self.as_ref().map_or(Value::Null, RecordAs::record)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FieldType, V: RecordAs<T> + ?Sized> RecordAs<T> for &V {
    fn record(&self) -> Value {
        (**self).record()
    }
}

#[diagnostic::do_not_recommend]
impl<T: FieldType, V: RecordAs<T> + ?Sized> RecordAs<T> for &mut V {
    fn record(&self) -> Value {
        (**self).record()
    }
}

macro_rules! record_as_list {
    ($([$($parameters:tt)*] $list:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: FieldType, V: RecordAs<T>, $($parameters)*> RecordAs<Vec<T>> for $list {
            fn record(&self) -> Value {
                self.iter().map(RecordAs::record).collect()
            }
        }
        #[diagnostic::do_not_recommend]
        impl<T: FieldType, V: RecordAs<T>, $($parameters)*> RecordAs<Option<Vec<T>>> for $list {
            fn record(&self) -> Value {
                self.iter().map(RecordAs::record).collect()
            }
        }
    )*};
}

record_as_list! {
    [] Vec<V>;
    [] [V];
    [const N: usize] [V; N];
}

#[diagnostic::do_not_recommend]
impl<V: Serialize + ?Sized> RecordAs<Value> for V {
    fn record(&self) -> Value {
        to_value(self)
    }
}

#[diagnostic::do_not_recommend]
impl<V: Serialize + ?Sized> RecordAs<Option<Value>> for V {
    fn record(&self) -> Value {
        to_value(self)
    }
}

/// A value that cannot be serialised says so in its own place; recording never fails.
fn to_value<V: Serialize + ?Sized>(value: &V) -> Value {
    match serde_json::to_value(value) {
        Ok(json) if metadata::hides_a_float(value, &json) => json!({ "not_finite": json }),
        Ok(json) => json,
        Err(error) => Value::String(format!("unserialisable: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::{Value, json};

    use super::{Free, Typed};

    #[test]
    fn a_value_is_recorded_as_its_field_has_it() {
        assert_eq!(Typed::<i64>::ONE.encode(&5), json!(5));
        assert_eq!(Typed::<u64>::ONE.encode(&5), json!(5));
        assert_eq!(Typed::<f64>::ONE.encode(&0.5), json!(0.5));
        assert_eq!(Typed::<f64>::ONE.encode(&f64::NAN), json!({ "not_finite": null }));
        assert_eq!(Typed::<String>::ONE.encode("a"), json!("a"));
        assert_eq!(Typed::<String>::ONE.encode(&"a"), json!("a"));
        assert_eq!(Typed::<String>::ONE.encode(&Cow::Borrowed("a")), json!("a"));
        assert_eq!(Typed::<Option<String>>::ONE.encode(&&"a".to_owned()), json!("a"));
        assert_eq!(Typed::<Option<String>>::ONE.encode(&Some("a")), json!("a"));
        assert_eq!(Typed::<Option<String>>::ONE.encode(&None::<&str>), Value::Null);
        assert_eq!(Typed::<Vec<String>>::ONE.encode(&["a", "b"]), json!(["a", "b"]));
        assert_eq!(Typed::<Option<Vec<String>>>::ONE.encode(&["a"].as_slice()), json!(["a"]));
        assert_eq!(Typed::<Option<Vec<String>>>::ONE.encode(&Some(vec!["a"])), json!(["a"]));
        assert_eq!(Typed::<Value>::ONE.encode(&("a", 1)), json!(["a", 1]));
        assert_eq!(Typed::<Option<Value>>::ONE.encode(&json!({"a": 1})), json!({"a": 1}));
        assert_eq!(Free.encode(&[1, 2]), json!([1, 2]));
    }
}

//! The changes of what the standard library and this crate's own dependencies offer.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Display;
use std::hash::{BuildHasher, Hash};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Diff;
use super::fields::serialized;
use super::json::{entries, leaf};

macro_rules! by_serialising {
    ($($value:ty),* $(,)?) => {$(
        impl Diff for $value {
            fn record(&self) -> Value {
                serialized(self)
            }
        }
    )*};
}

by_serialising! {
    (), bool, char, i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64,
    str, String, Path, PathBuf, Duration, Uuid,
    DateTime<Utc>, NaiveDate, NaiveDateTime, NaiveTime,
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr,
}

macro_rules! by_pointing {
    ($([$($parameters:tt)*] $pointer:ty;)*) => {$(
        impl<$($parameters)*> Diff for $pointer {
            fn record(&self) -> Value {
                (**self).record()
            }

            fn changes(&self, after: &Self) -> Option<Value> {
                (**self).changes(&**after)
            }
        }
    )*};
}

by_pointing! {
    [T: Diff + ?Sized] &T;
    [T: Diff + ?Sized] &mut T;
    [T: Diff + ?Sized] Box<T>;
    [T: Diff + ?Sized] Rc<T>;
    [T: Diff + ?Sized] Arc<T>;
    [T: Diff + ToOwned + ?Sized] Cow<'_, T>;
}

impl<T: Diff> Diff for Option<T> {
    fn record(&self) -> Value {
        self.as_ref().map_or(Value::Null, Diff::record)
    }

    fn changes(&self, after: &Self) -> Option<Value> {
        match (self, after) {
            (None, None) => None,
            (Some(before), Some(after)) => before.changes(after),
            _ => Some(leaf(self.record(), after.record())),
        }
    }
}

// A secret inside of a list may change and the list be recorded as before: so what is recorded is not compared.
impl<T: Diff> Diff for [T] {
    fn record(&self) -> Value {
        self.iter().map(Diff::record).collect()
    }

    fn changes(&self, after: &Self) -> Option<Value> {
        let same = self.len() == after.len() && self.iter().zip(after).all(|(old, new)| old.changes(new).is_none());
        (!same).then(|| leaf(self.record(), after.record()))
    }
}

macro_rules! by_slice {
    ($([$($parameters:tt)*] $list:ty;)*) => {$(
        impl<T: Diff, $($parameters)*> Diff for $list {
            fn record(&self) -> Value {
                self.as_slice().record()
            }

            fn changes(&self, after: &Self) -> Option<Value> {
                self.as_slice().changes(after.as_slice())
            }
        }
    )*};
}

by_slice! {
    [] Vec<T>;
    [const N: usize] [T; N];
}

macro_rules! by_set {
    ($([$($parameters:tt)*] $set:ty;)*) => {$(
        /// Recorded in one order, whatever the set's is.
        impl<T: Diff + $($parameters)*> Diff for $set {
            fn record(&self) -> Value {
                let mut values: Vec<_> = self.iter().map(Diff::record).collect();
                values.sort_by_cached_key(ToString::to_string);
                Value::Array(values)
            }

            fn changes(&self, after: &Self) -> Option<Value> {
                (self != after).then(|| leaf(self.record(), after.record()))
            }
        }
    )*};
}

by_set! {
    [Ord] BTreeSet<T>;
    [Eq + Hash, S: BuildHasher] HashSet<T, S>;
}

macro_rules! by_entry {
    ($([$($parameters:tt)*] $map:ty;)*) => {$(
        impl<K: Display, T: Diff, $($parameters)*> Diff for $map {
            fn record(&self) -> Value {
                let entries = self.iter().map(|(name, value)| (name.to_string(), value.record()));
                Value::Object(entries.collect::<Map<_, _>>())
            }

            fn changes(&self, after: &Self) -> Option<Value> {
                entries(self, after, || (self.record(), after.record()))
            }
        }
    )*};
}

by_entry! {
    [] BTreeMap<K, T>;
    [S] HashMap<K, T, S>;
}

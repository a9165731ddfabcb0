//! Each derive, and the attribute, where audit-core goes by another path; and where clauses wherever they may stand.

#![deny(warnings)]

mod facade {
    pub mod audit {
        pub use audit_core::*;
    }
}

use std::fmt::{Debug, Display};

use facade::audit::{AuditOutcome, AuditTarget, Diff, audited};

#[derive(AuditTarget)]
#[audit(crate = crate::facade::audit)]
struct Project<'a, T, const N: usize>
where
    T: Display + Clone,
{
    #[audit(id)]
    number: T,
    names: [&'a str; N],
}

#[derive(Debug, AuditOutcome)]
#[audit(crate = crate::facade::audit)]
enum Error<E>
where
    E: Debug + AuditOutcome,
{
    #[audit(transparent)]
    Inner(E),
    #[audit(denied)]
    Refused,
}

#[derive(Debug, Diff)]
#[audit(crate = crate::facade::audit)]
struct Settings<T>
where
    T: Clone,
{
    value: T,
    #[audit(secret)]
    key: String,
}

#[audited(crate = facade::audit, action = "project.updated", metadata(new_value = project.names.len()))]
fn update<'a, T, E, const N: usize>(project: &Project<'a, T, N>, error: Option<E>) -> Result<&'a str, Error<E>>
where
    T: Display + Clone,
    E: Debug + AuditOutcome,
    [u8; N]: Sized,
{
    match error {
        Some(error) => Err(Error::Inner(error)),
        None => project.names.first().copied().ok_or(Error::Refused),
    }
}

struct Store<T>(T);

impl<T> Store<T>
where
    T: Clone + PartialEq + serde_json::value::Index,
{
    #[audited(crate = facade::audit, action = "project.updated", target_id = id, on = "failure")]
    async fn keep<I>(&self, id: I) -> Option<T>
    where
        I: Display + Send,
        Self: Sized,
    {
        Some(self.0.clone())
    }
}

fn main() {
    let settings = Settings { value: 1, key: String::new() };
    let _ = facade::audit::diff(&settings, &settings);
    let _ = (&settings.value, &settings.key);
    let _ = update::<_, audit_core::Outcome, 1>(&Project { number: 1, names: ["a"] }, None);
    drop(Store("key").keep(1));
}

#![no_implicit_prelude]
#![deny(warnings)]
#![allow(dead_code)]

mod audit {
    #[derive(::audit_core::Catalog)]
    pub(crate) enum Action {
        /// A thing was changed.
        #[audit(action = "thing.changed", target = "thing")]
        ThingChanged { name: ::std::string::String, count: ::core::option::Option<i64> },
        #[audit(include)]
        Base(::audit_core::AuditAction),
    }
}

use audit::audited;

#[derive(::audit_core::AuditTarget, ::audit_core::Diff)]
struct Thing {
    id: u64,
    name: ::std::string::String,
}

#[derive(Debug, ::audit_core::AuditOutcome)]
enum Error {
    #[audit(denied)]
    NotYours,
    #[audit(transparent)]
    Other(::std::boxed::Box<Error>),
    Refused,
}

impl ::core::convert::From<::audit_core::Error> for Error {
    fn from(_: ::audit_core::Error) -> Self {
        Error::Refused
    }
}

#[audited(action = "thing.changed", metadata(name, count = thing.id as i64))]
fn change(thing: &mut Thing, name: &str) -> ::core::result::Result<(), Error> {
    ::core::result::Result::Err(Error::NotYours)
}

#[audited(action = "thing.changed", metadata(%name, ret count = |thing| thing.id as i64), durability = "before")]
async fn make(name: &str) -> ::core::result::Result<Thing, Error> {
    ::core::result::Result::Err(Error::Other(::std::boxed::Box::new(Error::NotYours)))
}

#[audited(action = audit::Action::ThingChanged, metadata(name = "", count = later), on = "success", err = |_| "no")]
fn made(thing_id: u64) -> impl ::core::future::Future<Output = ::core::result::Result<u64, Error>> {
    async move { ::core::result::Result::Ok(thing_id) }
}

#[audited(action = "project.updated", metadata(changes = ::audit_core::diff(before, after)), outcome = |_| denied())]
fn boxed(project_id: u64, before: &Thing, after: &Thing) -> ::core::pin::Pin<::std::boxed::Box<dyn ::core::future::Future<Output = u64>>> {
    ::std::boxed::Box::pin(async move { project_id })
}

fn denied() -> ::audit_core::Outcome {
    ::audit_core::Outcome::Denied
}

fn main() {
    let mut thing = Thing { id: 1, name: ::std::string::String::new() };
    ::core::mem::drop(boxed(1, &thing, &thing));
    ::core::mem::drop(change(&mut thing, ""));
    ::core::mem::drop(make(""));
    ::core::mem::drop(made(1));
}

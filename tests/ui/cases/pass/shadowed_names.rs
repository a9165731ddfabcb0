#![deny(warnings)]
#![allow(dead_code)]

use audit_core::audited;

mod core {}
mod std {}
struct Result;
struct Option;
struct Some;
struct Ok;
struct String;

#[audited(action = "project.suspended", target_id = id, metadata(reason = %id))]
fn suspend(id: u64) -> ::core::result::Result<u64, ::std::string::String> {
    ::core::result::Result::Ok(id)
}

#[audited(action = "project.created", target_id = |id| *id)]
async fn create(id: u64) -> ::core::result::Result<u64, ::std::string::String> {
    let id = suspend(id)?;
    ::core::result::Result::Ok(id)
}

struct Pin;
struct Box;
trait Future {}
trait Display {}
trait ToString {}

#[audited(action = "project.updated", skip_if = id == 0, err = |error| error, outcome = of)]
fn update(project_id: u64, id: u64) -> impl ::core::future::Future<Output = ::core::result::Result<u64, ::std::string::String>> {
    async move { ::core::result::Result::Ok(id) }
}

fn of(_: &::core::result::Result<u64, ::std::string::String>) -> audit_core::Outcome {
    audit_core::Outcome::Denied
}

#[audited(action = "project.updated", actor = ::core::option::Option::None::<audit_core::Actor>, metadata(ret new_value = ?|id| id))]
fn boxed(project_id: u64) -> ::core::pin::Pin<::std::boxed::Box<dyn ::core::future::Future<Output = u64>>> {
    ::std::boxed::Box::pin(async move { project_id })
}

fn main() {
    drop(update(1, 1));
    drop(boxed(1));
    suspend(1).ok();
    drop(create(1));
}

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

fn main() {
    suspend(1).ok();
    drop(create(1));
}

use audit_core::audited;

#[derive(Debug)]
struct Failed;

#[audited(action = "project.deleted", durability = "before")]
fn delete(project_id: u64) -> u64 {
    //~ u64 => `durability = "before"` may refuse a call, and this function could not say so
    project_id
}

#[audited(action = "project.deleted", durability = "before")]
fn delete_silently(project_id: u64) {}
//~ delete_silently => implement `From<audit_core::Error>` for its error type

#[audited(action = "project.deleted", durability = "before")]
fn delete_or_fail(project_id: u64) -> Result<(), Failed> {
    //~ Result => is no `Result` whose error can be made from `audit_core::Error`
    Err(Failed)
}

#[audited(action = "project.deleted", durability = "before")]
async fn delete_later(project_id: u64) -> Result<(), Failed> {
    //~ Result => implement `From<audit_core::Error>` for its error type
    Err(Failed)
}

#[audited(action = "project.deleted", durability = "before")]
fn delete_in_the_future(project_id: u64) -> impl Future<Output = Result<(), Failed>> {
    //~ impl => implement `From<audit_core::Error>` for its error type
    std::future::ready(Err(Failed))
}

#[audited(action = "project.deleted", durability = "before")]
fn delete_for_ever(project_id: u64) -> ! {
    //~ ! => a function that never returns could not say so
    loop {}
}

mod doors {
    #[derive(audit_core::Catalog)]
    pub enum Action {
        #[audit(action = "door.removed", target = "door", durability = "before")]
        DoorRemoved,
    }
}

use doors::audited as on_doors;

#[on_doors(action = "door.removed")]
fn remove(door_id: u64) -> u64 {
    //~ u64 => `durability = "before"` may refuse a call, and this function could not say so
    door_id
}

fn main() {}

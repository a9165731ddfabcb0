use audit_core::audited;

#[audited(action = "project.updated", target_id = 1)]
const fn constant() {}
//~ const => a `const fn` cannot be audited: it may run while the program compiles

#[audited(action = "project.updated", target_id = 1)]
extern "C" fn foreign() {}
//~ extern => an `extern` function cannot be audited: audit a function that it calls

#[audited(action = "project.updated", target_id = 1)]
#[track_caller]
//~ track_caller => a `#[track_caller]` function cannot be audited: its body would no longer see its caller; audit a function that it calls
fn tracked() -> &'static std::panic::Location<'static> {
    std::panic::Location::caller()
}

#[audited(action = "project.updated", target_id = 1)]
#[cfg_attr(all(), track_caller)]
//~ track_caller => a `#[track_caller]` function cannot be audited: its body would no longer see its caller; audit a function that it calls
fn perhaps_tracked() {}

#[audited(action = "project.updated", target_id = 1)]
struct Project;
//~ struct => `#[audited]` stands on functions and methods

trait Projects {
    #[audited(action = "project.updated", target_id = 1)]
    fn declared(&self);
    //~ declared => `#[audited]` needs a body to watch: put it on the implementation
}

fn main() {}

use audit_core::audited;

#[audited(action = "project.suspended", target_id = 1, metadata(reson = "unpaid"))]
//~ reson => action `project.suspended` has no metadata field `reson`; did you mean `reason`?
fn suspend() {}

#[audited(action = "project.suspended", target_id = 1, metadata(colour = "red"))]
//~ colour => action `project.suspended` has no metadata field `colour`; it has `reason: Option<String>`
fn paint() {}

fn main() {
    suspend();
    paint();
}

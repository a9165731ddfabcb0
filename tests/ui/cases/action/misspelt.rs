use audit_core::audited;

#[audited(action = "project.creatd", target_id = 1, metadata(changes = 1))]
//~ "project.creatd" => unknown audit action `project.creatd`; did you mean `project.created`?
fn create() {}

fn main() {
    create();
}

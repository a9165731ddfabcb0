use audit_core::audited;

#[audited(actoin = "project.updated", target_id = 1)]
fn misspelt() {}

#[audited(action = "project.updated", target_id = 1, colour = "red", on = "sucess")]
fn two_mistakes() {}

fn main() {
    misspelt();
    two_mistakes();
}

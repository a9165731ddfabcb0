use audit_core::audited;

#[audited(actoin = "project.updated", target_id = 1)]
//~ actoin => unknown argument `actoin`; did you mean `action`?
fn misspelt() {}

#[audited(action = "project.updated", target_id = 1, colour = "red", on = "sucess")]
//~ colour => unknown argument `colour`; there are action, target, target_id, actor, metadata, err, outcome, on, durability, tx, skip_if, catalog, crate
//~ "sucess" => write `"success"`, `"failure"` or `"always"`
fn two_mistakes() {}

fn main() {
    misspelt();
    two_mistakes();
}

use audit_core::audited;

struct Projects;

#[audited(action = "project.updated", on = "sucess", colour = 1)]
//~ colour => unknown argument `colour`; there are action, target, target_id, actor, metadata, err, outcome, on, durability, tx, skip_if, catalog, crate
//~ "sucess" => write `"success"`, `"failure"` or `"always"`
//~ "project.updated" => an action is one method's own: write it there, and here only what the methods have in common
impl Projects {
    #[audited(action = "project.updated", target_id = 1)]
    fn update(&self) {}
}

#[audited(target = "project")]
//~ #[audited(target = "project")] => no method of this `impl` block is audited: write `#[audited(action = …)]` on some
impl Projects {
    fn unaudited(&self) {}
}

#[audited(target = "api_key")]
//~ "api_key" => action `project.updated` is done to target `project`, not to `api_key`
impl Projects {
    #[audited(action = "project.updated", target_id = 1)]
    fn contradicted(&self) {}
}

fn main() {}

//! Where the attribute fails, the function stands there without it: whoever calls it has no further error.

use audit_core::audited;

struct Project;

#[audited(actoin = "project.updated")]
//~ actoin => unknown argument `actoin`; did you mean `action`?
async fn unknown_argument(id: u64) -> u64 {
    id
}

#[audited(action = "project.updated", target_id = 1, metadata(5))]
//~ 5 => metadata has a name: write `name` or `name = EXPR`
const fn constant(id: u64) -> u64 {
    //~ const => a `const fn` cannot be audited: it may run while the program compiles
    id
}

#[audited(colour = "red")]
//~ colour => unknown argument `colour`; there are action, target, target_id, actor, metadata, err, outcome, on, durability, tx, skip_if, catalog, crate
impl Project {
    #[audited(action = "project.updated", target_id = 1)]
    fn rename(&self) {}
}

fn main() {
    const ID: u64 = constant(1);
    drop(unknown_argument(ID));
    Project.rename();
    let n: u8 = constant(1);
    //~ constant(1) => mismatched types
}

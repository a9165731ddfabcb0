use audit_core::audited;

#[audited(action = "project.updated", target_id = 1)]
#[inline]
#[audited(action = "project.deleted", target_id = 1)]
//~ audited => a function is audited once, because one call is one entry: take one of the attributes away
fn update() {}

fn main() {
    update();
}

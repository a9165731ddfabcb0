use audit_core::audited;

enum Colour {
    Red,
}

#[audited(action = Colour::Red, target_id = 1, metadata(changes = 1))]
//~ Colour => `Colour` is not a catalog of actions
fn paint() {}

fn main() {
    paint();
    drop(Colour::Red);
}

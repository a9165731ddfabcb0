//! An attribute that a macro writes may not see the catalog that stands beside it.

mod audit {
    #[derive(audit_core::Catalog)]
    pub enum Action {
        #[audit(action = "door.opened", target = "door")]
        Opened,
    }
}

macro_rules! from_here {
    ($name:ident) => {
        #[$crate::audit::audited(action = "door.opened", target_id = 1)]
        //~ #[$crate::audit::audited(action = "door.opened", target_id = 1)] => behind `$crate`, the catalog cannot be seen: write `catalog = $crate::audit::audited`
        fn $name() {}
    };
}
from_here!(one);

fn main() {
    one();
}

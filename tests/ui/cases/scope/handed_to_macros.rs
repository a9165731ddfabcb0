//! The path of an attribute that was handed to a macro is not seen: its catalog is the one that is in scope.

mod audit {
    #[derive(audit_core::Catalog)]
    pub enum Action {
        #[audit(action = "door.opened", target = "door")]
        Opened,
    }
}

macro_rules! with {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        fn $name() {}
    };
}

with!(
    #[crate::audit::audited(action = "door.opened", target_id = 1)]
    //~ "door.opened" => cannot find type `audited` in this scope
    without_import
);

mod below {
    use crate::audit::audited;

    with!(
        #[audited(action = "door.opned", target_id = 1)]
        //~ "door.opned" => unknown audit action `door.opned`; did you mean `door.opened`?
        with_import
    );
}

fn main() {
    without_import();
}

mod macros {
    pub use audit_core::__private::audited;
}

mod no_alias {
    use crate::macros::audited;

    #[audited(action = "project.updated", target_id = 1)]
    //~ "project.updated" => expected type, found attribute macro `audited`
    pub fn update() {}
}

mod no_import {
    #[audited(action = "project.updated", target_id = 1)]
    //~ audited => cannot find attribute `audited` in this scope
    pub fn update() {}
}

mod no_catalog {
    pub use audit_core::__private::audited;

    #[allow(non_camel_case_types)]
    struct audited;

    #[audited(action = "project.updated", target_id = 1)]
    //~ "project.updated" => `audited` is not a catalog of actions
    pub fn update() {}
}

fn main() {}

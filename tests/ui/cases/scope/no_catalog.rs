mod macros {
    pub use audit_core::__private::audited;
}

mod no_alias {
    use crate::macros::audited;

    #[audited(action = "project.updated", target_id = 1)]
    pub fn update() {}
}

mod no_import {
    #[audited(action = "project.updated", target_id = 1)]
    pub fn update() {}
}

mod no_catalog {
    pub use audit_core::__private::audited;

    #[allow(non_camel_case_types)]
    struct audited;

    #[audited(action = "project.updated", target_id = 1)]
    pub fn update() {}
}

fn main() {}

//! The attribute brings its catalog along, unless it was imported without it.

#![allow(unused_variables)]

mod macros {
    pub use audit_core::__private::audited;
}

mod no_type_of_the_name {
    use crate::macros::audited;

    #[audited(action = "project.updated", target = "project", target_id = 1, metadata(changes = 1, reason = later))]
    //~ "project.updated" => `#[audited]` was imported without a catalog: write `use audit_core::audited;` for the built-in one
    pub fn update() {}
}

mod renamed {
    use crate::macros::audited as logged;

    #[logged(action = "project.updated", target_id = 1)]
    //~ "project.updated" => `#[audited]` was imported without a catalog: write `use audit_core::audited;` for the built-in one
    pub async fn update() {}
}

mod by_path {
    #[crate::macros::audited(action = "project.updated", target_id = 1)]
    //~ "project.updated" => `#[audited]` was imported without a catalog: write `use audit_core::audited;` for the built-in one
    pub fn update() {}
}

mod another_type_of_the_name {
    pub use audit_core::__private::audited;

    #[allow(non_camel_case_types)]
    struct audited;

    #[audited(action = "project.updated", target = "project", target_id = 1, metadata(changes = 1, reason = later))]
    //~ "project.updated" => `audited` is not a catalog of actions
    pub fn update() {}
}

mod another_catalog {
    use audit_core::audited;

    struct NoCatalog;

    #[audited(catalog = NoCatalog, action = "project.updated", target_id = 1, metadata(changes = 1))]
    //~ NoCatalog => `NoCatalog` is not a catalog of actions
    pub fn update() {}
}

// Without the import, nothing of ours runs: the compiler itself proposes it.
mod no_import {
    #[audited(action = "project.updated", target_id = 1)]
    //~ audited => cannot find attribute `audited` in this scope
    pub fn update() {}
}

fn main() {}

//! Mistakes in what is handed to a macro are reported where it was handed, and those of the macro there.

use audit_core::audited;

macro_rules! project {
    ($name:ident, $action:literal, $id:expr, $given:ty, $value:expr) => {
        #[audited(action = $action, target_id = $id, metadata(reason = $value))]
        fn $name(_given: $given) {}
    };
}

project!(wrong_action, "project.suspnded", 1, u8, "unpaid");
//~ "project.suspnded" => unknown audit action `project.suspnded`; did you mean `project.suspended`?
project!(wrong_id, "project.suspended", [1], u8, "unpaid");
//~ [1] => `[{integer}; 1]` has no text to record
project!(wrong_type, "project.suspended", 1, Unknown, "unpaid");
//~ Unknown => cannot find type `Unknown` in this scope
project!(wrong_value, "project.suspended", 1, u8, 7);
//~ 7 => this metadata field is declared as `Option<String>` in the catalog, but `{integer}` was given

macro_rules! wrong_field {
    ($name:ident) => {
        #[audited(action = "project.suspended", target_id = 1, metadata(reson = 1))]
        //~ reson => action `project.suspended` has no metadata field `reson`; did you mean `reason`?
        fn $name() {}
    };
}
wrong_field!(field);

fn main() {}

//! What expansions of the macros name. No part of the public interface: it changes without notice.

pub use crate::catalog::check::{
    FREE, Parts, Place, UNKNOWN, check_field, check_target, find_action, find_field, includable, info, required,
};
pub use crate::catalog::field::{FieldAt, Free, Typed, Unknown};
pub use audit_macros::audited;

//! Values that know their own id.

use std::sync::Arc;

/// A value that can be the target of an action: an argument of an audited function that is named after
/// the target type, or the function's success value, then gives the target id by itself.
///
/// # Examples
///
/// ```
/// use audit_core::{AuditTarget, audited};
///
/// struct Project {
///     id: u64,
/// }
///
/// impl AuditTarget for Project {
///     fn audit_target_id(&self) -> String {
///         self.id.to_string()
///     }
/// }
///
/// #[audited(action = "project.suspended", target = "project", metadata(reason))]
/// fn suspend(project: &mut Project, reason: &str) {}
/// ```
#[diagnostic::on_unimplemented(
    message = "no target id can be inferred for this audited function",
    label = "`{Self}` does not implement `AuditTarget`",
    note = "write `target_id = EXPR` over the arguments, or `target_id = |ok| EXPR` over the success value",
    note = "or name an argument `<target>_id`",
    note = "or implement `audit_core::AuditTarget` for the argument `<target>` or for the success value"
)]
pub trait AuditTarget {
    /// The id, as the log is to hold it.
    fn audit_target_id(&self) -> String;
}

macro_rules! through {
    ($($pointer:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: AuditTarget + ?Sized> AuditTarget for $pointer {
            fn audit_target_id(&self) -> String {
                (**self).audit_target_id()
            }
        }
    )*};
}

through!(&T, &mut T, Box<T>, Arc<T>);

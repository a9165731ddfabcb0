//! Values that know their own id.

use std::sync::Arc;

/// A value that can be the target of an action: an argument of an audited function that is named after
/// the target type, or the function's success value, then gives the target id by itself.
///
/// The derive takes the field `id`, or the one marked with `#[audit(id)]`.
///
/// # Examples
///
/// ```
/// use audit_core::{AuditTarget, audited};
///
/// #[derive(AuditTarget)]
/// struct Project {
///     #[audit(id)]
///     number: u64,
/// }
///
/// #[audited(action = "project.suspended", metadata(reason))]
/// fn suspend(project: &mut Project, reason: &str) {}
///
/// assert_eq!(Project { number: 7 }.audit_target_id(), "7");
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

/// The id of the success value.
pub fn target_of<T: AuditTarget, E>(result: Result<&T, &E>) -> Option<String> {
    result.ok().map(AuditTarget::audit_target_id)
}

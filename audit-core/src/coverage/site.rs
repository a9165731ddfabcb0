//! One use of the attribute.

use crate::call;

/// One use of [`#[audited]`](macro@crate::audited).
#[derive(Debug, Clone, Copy)]
pub struct Site {
    call: &'static call::Site,
}

inventory::collect!(&'static call::Site);

impl Site {
    /// The action.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        self.call.info.name
    }

    /// The type of the action's target.
    #[must_use]
    pub const fn target(&self) -> &'static str {
        self.call.info.target
    }

    /// The path of the function without generic arguments: `shop::orders::place`, `shop::Orders::place` for a method,
    /// `<shop::Orders as shop::Store>::place` for a trait's.
    #[must_use]
    pub fn function(&self) -> String {
        self.call.place.function()
    }

    /// The source file, as the compiler was given it.
    #[must_use]
    pub const fn file(&self) -> &'static str {
        self.call.place.file()
    }

    /// The line where the attribute begins, counted from 1.
    #[must_use]
    pub const fn line(&self) -> u32 {
        self.call.place.line()
    }
}

/// Every use of the attribute that is linked into this program, by file and line.
///
/// A crate that a program depends on, but never names, is not linked: `use that_crate as _;`.
///
/// # Examples
///
/// ```standalone_crate
/// use audit_core::{audited, coverage};
///
/// #[audited(action = "project.deleted")]
/// fn delete(project_id: &str) {}
///
/// let site = coverage::sites()[0];
/// assert_eq!((site.action(), site.target()), ("project.deleted", "project"));
/// assert!(site.function().ends_with("::delete"));
/// ```
#[must_use]
pub fn sites() -> Vec<Site> {
    // `#[axum::debug_handler]` below the attribute copies the body to where its type can be checked, and never calls it.
    let is_copy = |site: &Site| site.function().contains("::__axum_macros_check_");
    let all = inventory::iter::<&'static call::Site>.into_iter().map(|call| Site { call });
    let mut sites: Vec<_> = all.filter(|site| !is_copy(site)).collect();
    sites.sort_by_key(|site| (site.file(), site.line()));
    sites
}

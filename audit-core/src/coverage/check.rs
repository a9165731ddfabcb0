//! What a program is expected to audit.

use std::any::type_name;
use std::fmt;

use super::gap::Gap;
use super::place::plain;
use super::{Site, sites};
use crate::catalog::{self, ActionInfo, Catalog};

/// What a program is expected to audit: every action of a catalog, and every function of a list.
///
/// [`assert_coverage!`](crate::assert_coverage) is the short way to write it. This is for lists that are put together
/// at run time.
///
/// # Examples
///
/// ```standalone_crate
/// use audit_core::{AuditAction, audited, coverage::Coverage};
///
/// #[audited(action = "project.deleted")]
/// fn delete(project_id: &str) {}
///
/// let coverage = Coverage::of::<AuditAction>().functions(["my_crate::handlers::rename"]);
/// let gaps = coverage.check().unwrap_err().to_string();
/// assert!(!gaps.contains("`project.deleted`"));
/// assert!(gaps.contains("action `project.created` is emitted nowhere"));
/// assert!(gaps.contains("function `my_crate::handlers::rename` is not audited"));
/// ```
#[derive(Debug)]
#[must_use = "nothing is compared before `check` or `assert`"]
pub struct Coverage {
    catalog: &'static str,
    actions: Vec<&'static ActionInfo>,
    nearest: fn(&str) -> Option<&'static str>,
    functions: Vec<String>,
    not_emitted: Vec<Allowed>,
    not_audited: Vec<Allowed>,
}

/// An exception and its reason.
#[derive(Debug)]
struct Allowed {
    what: String,
    reason: String,
}

/// What is not covered, and allowances that allow nothing. Its `Display` is one paragraph for each, which says where
/// to write what.
#[derive(Debug, thiserror::Error)]
pub struct Gaps {
    catalog: &'static str,
    gaps: Vec<Gap>,
}

/// The path of a function, as [`Site::function`] tells it.
///
/// # Examples
///
/// ```
/// assert_eq!(audit_core::coverage::path_of(&str::parse::<u8>), "core::str::<impl str>::parse");
/// ```
#[must_use]
pub fn path_of<F>(_function: &F) -> String {
    plain(type_name::<F>())
}

impl Coverage {
    /// Every action of the catalog, those of included catalogs too, is to be emitted somewhere.
    pub fn of<C: Catalog>() -> Self {
        Self {
            catalog: type_name::<C>(),
            actions: catalog::list::<C>(),
            nearest: catalog::nearest::<C>,
            functions: Vec::new(),
            not_emitted: Vec::new(),
            not_audited: Vec::new(),
        }
    }

    /// These functions are to be audited, by their paths as [`Site::function`] tells them.
    pub fn functions<P: AsRef<str>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.functions.extend(paths.into_iter().map(|path| plain(path.as_ref())));
        self
    }

    /// This action need not be emitted, for a reason; `secret.*` is every action whose name begins like this.
    pub fn not_emitted(mut self, action: impl Into<String>, reason: impl Into<String>) -> Self {
        self.not_emitted.push(Allowed { what: action.into(), reason: reason.into() });
        self
    }

    /// This function of the list need not be audited, for a reason.
    pub fn not_audited(mut self, path: impl AsRef<str>, reason: impl Into<String>) -> Self {
        self.not_audited.push(Allowed { what: plain(path.as_ref()), reason: reason.into() });
        self
    }

    /// Compares what is expected with the [`sites`] that are linked into this program.
    ///
    /// # Errors
    ///
    /// When something is not covered, or an allowance allows nothing or has no reason.
    pub fn check(&self) -> Result<(), Gaps> {
        let sites = sites();
        let mut gaps = self.missing_actions(&sites);
        gaps.extend(self.missing_functions(&sites));
        gaps.extend(self.stale_actions(&sites));
        gaps.extend(self.stale_functions(&sites));
        if gaps.is_empty() { Ok(()) } else { Err(Gaps { catalog: self.catalog, gaps }) }
    }

    /// [`Self::check`] for a test.
    ///
    /// # Panics
    ///
    /// When something is not covered, or an allowance allows nothing or has no reason.
    #[track_caller]
    pub fn assert(&self) {
        if let Err(gaps) = self.check() {
            panic!("{gaps}");
        }
    }

    fn missing_actions(&self, sites: &[Site]) -> Vec<Gap> {
        let missing = self.actions.iter().filter(|info| {
            !self.not_emitted.iter().any(|allowed| allowed.covers(info.name)) && emitted(sites, info.name).is_none()
        });
        missing
            .map(|info| Gap::NotEmitted {
                action: info.name,
                target: info.target,
                beside: sites.iter().find(|site| site.target() == info.target).copied(),
            })
            .collect()
    }

    fn missing_functions(&self, sites: &[Site]) -> Vec<Gap> {
        let missing = self.functions.iter().filter(|path| {
            !self.not_audited.iter().any(|allowed| allowed.what == **path) && audited(sites, path).is_none()
        });
        missing
            .map(|path| Gap::NotAudited {
                function: path.clone(),
                beside: sites.iter().find(|site| parent(&site.function()) == parent(path)).copied(),
            })
            .collect()
    }

    fn stale_actions(&self, sites: &[Site]) -> Vec<Gap> {
        let stale = |allowed: &Allowed| {
            let action = allowed.what.clone();
            let mut covered = self.actions.iter().filter(|info| allowed.covers(info.name)).peekable();
            if covered.peek().is_none() {
                return Some(Gap::NoSuchAction { nearest: (self.nearest)(&action), action });
            }
            let emitted: Option<Vec<_>> = covered.map(|info| emitted(sites, info.name)).collect();
            match emitted {
                Some(emitted) => emitted.first().map(|site| Gap::Emitted { action, site: *site }),
                None => allowed.reason.trim().is_empty().then_some(Gap::NoReason { what: action }),
            }
        };
        self.not_emitted.iter().filter_map(stale).collect()
    }

    fn stale_functions(&self, sites: &[Site]) -> Vec<Gap> {
        let stale = |allowed: &Allowed| {
            let function = allowed.what.clone();
            if !self.functions.contains(&function) {
                return Some(Gap::NotListed { function });
            }
            match audited(sites, &function) {
                Some(site) => Some(Gap::Audited { function, site }),
                None => allowed.reason.trim().is_empty().then_some(Gap::NoReason { what: function }),
            }
        };
        self.not_audited.iter().filter_map(stale).collect()
    }
}

impl Allowed {
    fn covers(&self, action: &str) -> bool {
        match self.what.strip_suffix('*') {
            Some(start) => start.ends_with('.') && action.starts_with(start),
            None => self.what == action,
        }
    }
}

fn emitted(sites: &[Site], action: &str) -> Option<Site> {
    sites.iter().find(|site| site.action() == action).copied()
}

fn audited(sites: &[Site], path: &str) -> Option<Site> {
    sites.iter().find(|site| site.function() == path).copied()
}

/// The path of what a function stands in.
fn parent(path: &str) -> &str {
    path.rsplit_once("::").map_or("", |(parent, _)| parent)
}

impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the audit coverage of `{}` has gaps ({}):", self.catalog, self.gaps.len())?;
        for gap in &self.gaps {
            write!(f, "\n\n* {gap}")?;
        }
        if sites().is_empty() {
            f.write_str("\n\nno audited function is linked into this program: name the crate, `use that_crate as _;`")?;
        }
        Ok(())
    }
}

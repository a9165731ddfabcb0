//! Looking names up at run time.

use super::check::hash;
use super::similar::{distance, tolerance};
use super::{ActionInfo, Catalog};

/// The action of a name, if the catalog lists it.
#[must_use]
pub fn find<C: Catalog>(name: &str) -> Option<&'static ActionInfo> {
    let wanted = hash(name);
    C::PARTS.iter().find_map(|part| {
        let first = part.partition_point(|info| info.hash < wanted);
        part[first..].iter().take_while(|info| info.hash == wanted).find(|info| info.name == name)
    })
}

/// The most similar name of the catalog, if any is similar at all.
#[must_use]
pub fn nearest<C: Catalog>(name: &str) -> Option<&'static str> {
    list::<C>()
        .into_iter()
        .map(|info| (distance(name, info.name), info.name))
        .filter(|(distance, _)| *distance <= tolerance(name))
        .min()
        .map(|(_, name)| name)
}

/// Every action of the catalog and of those it includes, sorted by name.
///
/// # Examples
///
/// ```
/// use audit_core::{AuditAction, catalog};
///
/// let names: Vec<_> = catalog::list::<AuditAction>().iter().map(|info| info.name).collect();
/// assert!(names.contains(&"secret.accessed"));
/// ```
#[must_use]
pub fn list<C: Catalog>() -> Vec<&'static ActionInfo> {
    let mut actions: Vec<_> = C::PARTS.iter().flat_map(|part| part.iter()).collect();
    actions.sort_by_key(|info| info.name);
    actions
}

#[cfg(test)]
mod tests {
    use crate::{AuditAction, catalog};

    #[test]
    fn every_listed_name_is_found_and_no_other() {
        for info in catalog::list::<AuditAction>() {
            assert_eq!(catalog::find::<AuditAction>(info.name).map(|found| found.name), Some(info.name));
        }
        assert!(catalog::find::<AuditAction>("project.creatd").is_none());
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let meant = [
            ("projct.creatd", "project.created"),
            ("key.rotate", "key.rotated"),
            ("secret.rotated_", "secret.rotated"),
        ];
        for (given, meant) in meant {
            assert_eq!(catalog::nearest::<AuditAction>(given), Some(meant));
        }
        assert_eq!(catalog::nearest::<AuditAction>("billing.run_started"), None);
    }
}

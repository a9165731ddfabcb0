//! Assertions about what was recorded, and what they say when they fail.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Capture, Condition};
use crate::Row;

/// Asserts that an entry was recorded that fulfils every condition, and gives back the first that does.
///
/// A condition is `FIELD = VALUE` with a field of [`Row`](crate::Row), or a key within its metadata (`metadata.changes.name`). `target` and
/// `actor` are `"TYPE:ID"` or the id alone; `outcome` is a word. Values are whatever serialises to what the log holds.
/// `in CAPTURE;` before the conditions asks that [`Capture`](crate::testing::Capture), and not that of the context. See
/// [`testing`](crate::testing).
///
/// # Panics
///
/// When no entry does. The message shows what was recorded, and in what the nearest differs.
///
/// # Examples
///
/// ```
/// use audit_core::{assert_audited, audited, testing};
///
/// #[audited(action = "project.deleted", metadata(reason))]
/// fn delete(project_id: u64, reason: &str) {}
///
/// let _audit = testing::capture();
/// delete(7, "unused");
/// let row = assert_audited!(action = "project.deleted", target = "7", metadata.reason = "unused");
/// assert_eq!(row.ip_address, None);
/// ```
#[macro_export]
macro_rules! assert_audited {
    (in $capture:expr; $($conditions:tt)*) => {
        $crate::testing::audited(&$capture, &$crate::__conditions!([] $($conditions)*))
    };
    ($($conditions:tt)*) => {
        $crate::testing::audited(&$crate::testing::current(), &$crate::__conditions!([] $($conditions)*))
    };
}

/// Asserts that no entry was recorded that fulfils every condition; without conditions, that nothing was recorded. They are
/// those of [`assert_audited!`](crate::assert_audited!).
///
/// # Panics
///
/// When an entry does. The message shows what was recorded.
#[macro_export]
macro_rules! assert_not_audited {
    (in $capture:expr; $($conditions:tt)*) => {
        $crate::testing::not_audited(&$capture, &$crate::__conditions!([] $($conditions)*))
    };
    ($($conditions:tt)*) => {
        $crate::testing::not_audited(&$crate::testing::current(), &$crate::__conditions!([] $($conditions)*))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conditions {
    ([$($done:tt)*]) => {
        [$($done)*]
    };
    ([$($done:tt)*] outcome = $outcome:ident $(, $($rest:tt)*)?) => {
        $crate::__conditions!([$($done)* $crate::testing::Condition::new(&["outcome"], stringify!($outcome)),] $($($rest)*)?)
    };
    ([$($done:tt)*] $field:ident $(. $key:ident)* = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__conditions!(
            [$($done)* $crate::testing::Condition::new(&[stringify!($field) $(, stringify!($key))*], &$value),]
            $($($rest)*)?
        )
    };
}

/// That of the context.
///
/// # Panics
///
/// Where there is none.
#[must_use]
#[track_caller]
pub fn current() -> Capture {
    Capture::current().unwrap_or_else(|| {
        panic!("nothing is captured here: begin the test with `let _audit = audit_core::testing::capture();`")
    })
}

/// What [`assert_audited!`](crate::assert_audited!) does.
///
/// # Panics
///
/// When no entry fulfils every condition.
#[track_caller]
#[expect(clippy::must_use_candidate, reason = "an assertion stands alone, too")]
pub fn audited(capture: &Capture, conditions: &[Condition]) -> Row {
    let rows = capture.rows();
    match rows.iter().find(|row| misses(row, conditions).is_empty()) {
        Some(row) => row.clone(),
        None => panic!("no audit entry has {}\n{}{}", list(conditions), nearest(&rows, conditions), recorded(&rows)),
    }
}

/// What [`assert_not_audited!`](crate::assert_not_audited!) does.
///
/// # Panics
///
/// When an entry fulfils every condition.
#[track_caller]
pub fn not_audited(capture: &Capture, conditions: &[Condition]) {
    let rows = capture.rows();
    if let Some(at) = rows.iter().position(|row| misses(row, conditions).is_empty()) {
        panic!("audit entry {} has {}\n{}", at + 1, list(conditions), recorded(&rows));
    }
}

fn misses<'a>(row: &Row, conditions: &'a [Condition]) -> Vec<(&'a Condition, Value)> {
    conditions.iter().filter_map(|condition| Some((condition, condition.differs(row)?))).collect()
}

fn list(conditions: &[Condition]) -> String {
    if conditions.is_empty() {
        return "been recorded".to_owned();
    }
    conditions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn nearest(rows: &[Row], conditions: &[Condition]) -> String {
    let misses = rows.iter().map(|row| misses(row, conditions)).enumerate();
    let Some((at, misses)) = misses.min_by_key(|(_, misses)| misses.len()) else { return String::new() };
    let mut text = format!("nearest is entry {}, which differs in\n", at + 1);
    for (condition, found) in misses {
        let _ = writeln!(text, "    {}", condition.miss(&found));
    }
    text
}

fn recorded(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "nothing was recorded; work that goes on elsewhere is captured in the context of the test alone \
                (`audit_core::context::spawn`, `in_audit_context`, `carry`)"
            .to_owned();
    }
    let mut text = "recorded were".to_owned();
    for (at, row) in rows.iter().enumerate() {
        let part = |kind: &str, id: Option<&str>| format!("{kind}:{}", id.unwrap_or("?"));
        let _ = write!(
            text,
            "\n{:>5}  {:<9}  {}  {}  {}",
            at + 1,
            row.outcome.as_str(),
            part(row.actor_type.as_str(), row.actor_id.as_deref()),
            row.action,
            part(&row.target_type, row.target_id.as_deref()),
        );
        if !row.metadata.is_empty() {
            let _ = write!(text, "  {}", Value::Object(row.metadata.as_map().clone()));
        }
        if let Some(error) = &row.error {
            let _ = write!(text, "  error {error:?}");
        }
    }
    text
}

//! What expansions of the macros name. No part of the public interface: it changes without notice.

pub use std::option::Option::{None, Some};
pub use std::result::Result::{Err, Ok};

pub use audit_macros::audited;
pub use inventory;
pub use serde_json::Value;

pub use crate::call::{
    AnyError, Call, Captures, Contract, Ended, ErrorText, Failing, Finished, NoFuture, On, Plain, Promise, Said,
    SaidResponse, Shown, Silent, Site, Terms, Text, Told, Unjudged, Usual, Verdict, Whole, annotate, audited_future,
    audited_opaque, audited_returned, check_endless, check_on, code, debugged, displayed, target_of, watched,
};
pub use crate::catalog::check::{
    FREE, Place, UNKNOWN, check_target, field, find_action, find_named, includable, name_of, required,
};
pub use crate::catalog::field::{Free, Typed, Unknown, absent, own_metadata};
pub use crate::catalog::field_at::*;
pub use crate::catalog::no_catalog;
pub use crate::coverage::place::SourcePlace;
pub use crate::diff::{
    Compared, NotRecorded, Recorded, RecordedByDiff, RecordedBySerialize, SameByEq, SameBySecret, change, nested,
    object, redacted, secret_changes, secret_changes_by, serialized_changes,
};
pub use crate::{AuditTarget, Catalog, Durability};

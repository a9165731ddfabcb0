//! Examples of audit-core; see the files beside this folder.

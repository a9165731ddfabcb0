//! What the macros of audit-core say to mistakes: see the cases beside this folder.

//! Tests of what audit-core does in actix-web: see `tests/`.

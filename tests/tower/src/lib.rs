//! Tests of `ContextLayer` where there is no axum: see `tests/`.

//! Tests of traces and spans: see `tests/`.

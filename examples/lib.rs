//! The examples are beside this file: `cargo run --example quickstart`, `cargo run --example load`.
//!
//! # The README, so that its program is known to compile
#![doc = include_str!("../README.md")]

/// The guide for users of the TypeScript package, so that its code is known to compile.
#[doc = include_str!("../docs/from-typescript.md")]
pub mod from_typescript {}

//! The `audit` command, for those who read the log and those who operate it.
//!
//! | command | what it does |
//! |---|---|
//! | `audit migrate` | brings the database up to date, or says whether it is |
//! | `audit record` | records one entry from a shell |
//! | `audit query` | shows entries, page by page |
//! | `audit tail` | shows the latest entries, and those that come |
//! | `audit show` | shows one entry whole, and what else its request did |
//! | `audit stats` | shows how many entries there are, by kind |
//! | `audit export` | writes entries for other programs |
//! | `audit import` | moves rows of an earlier log into this one |
//! | `audit journal` | shows what waits on disk, and lands what dead writers left |
//! | `audit retention` | shows what is old enough to go, and takes it out |
//! | `audit catalog` | prints what the built-in catalog lists, and what a change of a catalog breaks |
//! | `audit serve` | shows the log as web pages |
//! | `audit doctor` | examines the log and says what to do |
//! | `audit completions`, `audit man` | prints what shells and manuals want |
//!
//! Exit codes: 0 it worked, 1 it failed, 2 the command line or the configuration is wrong.
//!
//! Whatever comes from the log passes through [`render::escape`] on its way to a terminal.

mod cli;
mod commands;
mod database_url;
mod end;
mod failure;
mod run;
mod say;

pub mod render;
#[cfg(feature = "viewer")]
pub mod viewer;

pub use run::run;

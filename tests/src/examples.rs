//! Where the examples are.

use std::path::PathBuf;

/// An example, which cargo puts into a folder beside this program, or beside the folder of a test.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("this program has a path");
    let mut beside = this.ancestors().skip(1).take(2).map(|folder| folder.join("examples").join(name));
    beside.find(|path| path.exists()).unwrap_or_else(|| {
        panic!("there is no example {name} for {}: run `cargo build --workspace --examples` first", this.display())
    })
}

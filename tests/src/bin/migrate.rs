//! Migrates the database at the URL that is the only argument: a process of its own for tests that need several.

use audit_core::migrate::{Options, migrate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), audit_core::migrate::Error> {
    let url = std::env::args().nth(1).expect("the database URL is the first argument");
    let report = migrate(&url, &Options::new()).await?;
    println!("{}", report.applied.len());
    Ok(())
}

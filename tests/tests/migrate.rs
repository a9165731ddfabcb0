//! Migrations of PostgreSQL, on a real server.

use audit_core::migrate::{self, Options, State};
use tests::postgres::server;

#[tokio::test]
async fn an_empty_database_is_brought_up_to_date_once() {
    let database = server().database().await;
    let options = Options::new();
    let before = migrate::status(&database.url(), &options).await.unwrap();
    assert!(before.iter().all(|migration| migration.state == State::Pending));

    let first = migrate::migrate(&database.url(), &options).await.unwrap();
    assert_eq!(first.applied, before.iter().map(|migration| migration.version).collect::<Vec<_>>());
    let second = migrate::migrate(&database.url(), &options).await.unwrap();
    assert!(second.applied.is_empty());

    let after = migrate::status(&database.url(), &options).await.unwrap();
    assert!(after.iter().all(|migration| migration.state.is_done()));
    assert!(migrate::is_current(&database.url(), &options).await.unwrap());
}

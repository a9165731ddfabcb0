use audit_core::{assert_audited, testing};

use super::delete_project;

#[tokio::test]
async fn a_deletion_is_on_record() {
    let _audit = testing::capture();
    delete_project("proj_456", "unused").await.unwrap();
    assert_audited!(action = "project.deleted", target = "proj_456", metadata.reason = "unused", outcome = success);
}

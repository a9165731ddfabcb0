//! Looks at entries are recorded, where that is wanted.

use crate::support::Shell;

#[test]
fn each_look_leaves_an_entry_with_what_was_asked() {
    let shell = Shell::with_log();
    shell.run(&["record", "--actor=user:u", "--action=project.created", "--target=project:p"]).success();
    let id = shell.entries(&[])[0]["id"].as_str().unwrap().to_owned();
    shell.run(&["query", "--audit-reads", "--actor=u", "outcome:success"]).success();
    shell.run(&["show", "--audit-reads", &id]).success();
    shell.run(&["stats", "--audit-reads"]).success();
    shell.run(&["export", "--audit-reads", "--format=jsonl", "actor:u"]).success();
    shell.run(&["dead-letters", "--audit-reads"]).success();
    let viewed = shell.entries(&["action:audit_log.viewed"]);
    let asked: Vec<_> = viewed
        .iter()
        .rev()
        .map(|entry| (entry["metadata"]["command"].as_str().unwrap(), entry["metadata"]["filter"].as_str().unwrap()))
        .collect();
    let show = format!("id:{id}");
    assert_eq!(
        asked,
        [
            ("query", "actor:u outcome:success"),
            ("show", show.as_str()),
            ("stats", ""),
            ("export", "actor:u"),
            ("dead-letters", "")
        ]
    );
    assert!(viewed.iter().all(|entry| entry["actor_type"] == "user"));
    assert_eq!(shell.entries(&["action:audit_log.viewed"]).len(), 5, "and none where it is not wanted");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_shown() {
    let database = tests::postgres::server().database().await;
    let administrator = Shell::new().with("DATABASE_URL", database.url());
    administrator.run(&["migrate", "--role-prefix=viewed_test"]).success();
    administrator.run(&["record", "--actor=user:u", "--action=project.deleted", "--target=project:p"]).success();
    let reader = Shell::new().with("DATABASE_URL", database.url_as("viewed_test_reader").await);
    assert!(reader.run(&["query"]).success().out.contains("project.deleted"));
    let ran = reader.with("AUDIT_READS", "true").run(&["query"]).exits_with(1);
    assert!(!ran.out.contains("project.deleted"), "{}", ran.out);
    ran.complains("nothing is shown that is not recorded");
}

//! `audit verify`: whether the log still is what was written.

use serde_json::Value;
use tests::postgres::{self, Database};

use crate::support::Shell;

/// A log of either kind.
struct Log {
    shell: Shell,
    database: Option<Database<'static>>,
}

impl Log {
    /// Two entries, each in a stream of its own.
    fn each() -> [Self; 2] {
        let database = wait(postgres::server().database());
        let on_postgres = Shell::new().with("DATABASE_URL", database.url());
        on_postgres.run(&["migrate"]).success();
        let logs =
            [Self { shell: Shell::with_log(), database: None }, Self { shell: on_postgres, database: Some(database) }];
        for log in &logs {
            for project in ["proj_1", "proj_2"] {
                let target = format!("--target=project:{project}");
                log.shell.run(&["record", "--actor=user:u", "--action=project.created", &target]).success();
            }
        }
        logs
    }

    /// Runs statements as somebody who may do everything.
    fn tamper(&self, table: &str, sql: &'static str) {
        match &self.database {
            None => {
                for trigger in ["no_update", "no_delete"] {
                    self.shell.execute(format!("DROP TRIGGER IF EXISTS {table}_{trigger}"));
                }
                self.shell.execute(sql);
            }
            Some(database) => wait(database.execute(&format!(
                "BEGIN; SET search_path = control_plane; ALTER TABLE {table} DISABLE TRIGGER ALL; {sql}; COMMIT"
            ))),
        }
    }

    fn stream_of(&self, project: &str) -> String {
        let entries = self.shell.entries(&[&format!("--target=project:{project}")]);
        entries[0]["stream_id"].as_str().unwrap().to_owned()
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn an_untouched_log_is_intact() {
    for Log { shell, .. } in Log::each() {
        let ran = shell.run(&["verify"]).success();
        assert_eq!(ran.out.lines().next(), Some("✓ intact: 2 entries in 6 batches of 2 streams"));
        let document: Value = serde_json::from_str(&shell.run(&["verify", "--format=json"]).success().out).unwrap();
        assert_eq!((&document["intact"], &document["entries"]), (&true.into(), &2.into()));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_bar_shows_on_a_terminal_alone_how_far_it_came() {
    for Log { shell, .. } in Log::each() {
        let shown = shell.run_in_terminal("verify");
        assert!(shown.contains("% of 2 entries, ") && shown.contains("intact"), "{shown}");
        assert_eq!(shell.run(&["verify"]).success().err, "");
    }
}

#[test]
fn what_was_changed_is_told_with_the_command_that_shows_it() {
    for log in Log::each() {
        let shell = &log.shell;
        let streams = ["proj_1", "proj_2"].map(|project| format!("--stream={}", log.stream_of(project)));
        log.tamper("audit_logs", "UPDATE audit_logs SET actor_id = 'another' WHERE target_id = 'proj_2'");
        let ran = shell.run(&["verify"]).exits_with(1);
        assert!(ran.out.starts_with("✗ broken: the only row of batch 1 of stream"), "{}", ran.out);
        let command = ran.out.lines().nth(1).unwrap().trim().trim_start_matches("→ audit ").to_owned();
        let shown = shell.entries(&command.split(' ').skip(1).collect::<Vec<_>>());
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0]["target_id"], "proj_2");

        let ran = shell.run(&["verify", "--format=json"]).exits_with(1);
        let document: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&document["intact"], &document["breaks"][0]["kind"]), (&false.into(), &"altered_rows".into()));

        // Only what is asked for is looked at.
        shell.run(&["verify", &streams[0]]).success();
        shell.run(&["verify", &streams[1]]).exits_with(1);
        shell.run(&["verify", "--since=1h"]).exits_with(1);
        shell.run(&["verify", "--since=2999-01-01"]).success();
    }
}

#[test]
fn where_no_row_is_known_the_next_command_shows_what_is() {
    for log in Log::each() {
        let stream = log.stream_of("proj_1");
        log.tamper("audit_batches", "DELETE FROM audit_batches WHERE batch_no = 0");
        let ran = log.shell.run(&["verify", &format!("--stream={stream}")]).exits_with(1);
        assert!(ran.out.starts_with("✗ broken: batch 0 of stream"), "{}", ran.out);
        let command = ran.out.lines().nth(1).unwrap().trim().trim_start_matches("→ audit ").to_owned();
        let ran = log.shell.run(&command.split(' ').collect::<Vec<_>>()).exits_with(1);
        let document: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(document["breaks"][0]["kind"], "missing_batches");
    }
}

#[test]
fn what_cannot_be_read_is_neither_intact_nor_broken() {
    let shell = Shell::new().with("DATABASE_URL", "sqlite:nowhere.db");
    shell.run(&["verify"]).exits_with(2).complains("there is no such file");
    let shell = Shell::new().with("DATABASE_URL", "postgres://127.0.0.1:1/nowhere");
    shell.run(&["verify"]).exits_with(2).complains("cannot reach");
}

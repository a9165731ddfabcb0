//! What the command does where its output has no room.

use std::fs::{File, OpenOptions};
use std::process::Stdio;

use crate::support::Shell;

/// A file that takes nothing, as a full disk.
fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[test]
fn words_that_nobody_can_hear_change_no_exit_code() {
    let shell = Shell::with_log();
    for (arguments, code) in
        [(&["query"][..], 0), (&["migrate", "status"], 0), (&["query", "--since=1h", "--until=2h"], 2)]
    {
        let mut command = shell.command(arguments);
        assert_eq!(command.stdout(Stdio::null()).stderr(full()).status().unwrap().code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn an_entry_whose_id_cannot_be_printed_is_said_to_be_stored() {
    let shell = Shell::with_log();
    let arguments = ["record", "--actor=user:u", "--action=project.created", "--target=project:p"];
    let output = shell.command(&arguments).stdout(full()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    let id = shell.entries(&[])[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains(&format!("entry {id} is stored")), "{err}");
}

#[test]
fn a_verdict_that_nobody_reads_is_still_the_exit_code() {
    let shell = Shell::with_log();
    shell.run(&["record", "--actor=user:u", "--action=project.created", "--target=project:p"]).success();
    let code = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        shell.command(&["verify"]).stdout(writer).status().unwrap().code()
    };
    assert_eq!(code(), Some(0));
    shell.execute("DROP TRIGGER audit_logs_no_update; UPDATE audit_logs SET actor_id = 'another'");
    assert_eq!(code(), Some(1));
}

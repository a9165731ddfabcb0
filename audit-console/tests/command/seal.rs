//! `audit keys`, `audit seal`, `audit proof`, and `audit verify` with what they make.

use serde_json::Value;

use crate::support::Shell;

/// A log of one entry, and a key of the log that is trusted.
fn with_key() -> Shell {
    let shell = Shell::with_log();
    record(&shell);
    let ran = shell.run(&["keys", "generate", "log.example.org", "--out=log.key"]).success();
    assert!(ran.out.starts_with("log.example.org+"), "{}", ran.out);
    std::fs::write(shell.folder().join("trusted"), format!("log {}", ran.out)).unwrap();
    shell
}

fn secret_of(shell: &Shell, file: &str) -> String {
    std::fs::read_to_string(shell.folder().join(file)).unwrap()
}

fn record(shell: &Shell) {
    shell.run(&["record", "--actor=user:u", "--action=project.created", "--target=project:proj_1"]).success();
}

#[test]
fn a_key_is_never_written_over_and_shows_what_is_no_secret() {
    let shell = with_key();
    shell.run(&["keys", "generate", "log", "--out=log.key"]).exits_with(2).complains("is not there yet");
    shell.run(&["keys", "generate", "a b", "--out=other.key"]).exits_with(2).complains("without blanks");
    let shown = shell.run(&["keys", "show", "log.key"]).success().out;
    let trusted = std::fs::read_to_string(shell.folder().join("trusted")).unwrap();
    assert_eq!(trusted, format!("log {shown}"));
    let secret = secret_of(&shell, "log.key");
    assert!(secret.starts_with("PRIVATE+KEY+log.example.org+"));
    shell.run(&["keys", "show", "trusted"]).exits_with(2).complains("PRIVATE+KEY+NAME");
    let longest = "n".repeat(200);
    shell.run(&["keys", "generate", &longest, "--out=long.key"]).success();
    shell
        .run(&["keys", "generate", &format!("{longest}n"), "--out=longer.key"])
        .exits_with(2)
        .complains("1 to 200 bytes");
    std::fs::write(shell.folder().join("long.key"), format!("{}{}", secret_of(&shell, "long.key"), " ".repeat(4_096)))
        .unwrap();
    shell.run(&["keys", "show", "long.key"]).exits_with(2).complains("long.key has more than 4096 bytes");
    #[cfg(unix)]
    shell
        .run(&["seal", "--once", "--key-file=/dev/zero"])
        .exits_with(2)
        .complains("/dev/zero has more than 4096 bytes");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(shell.folder().join("log.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn what_is_sealed_is_verified_against_the_key_and_against_what_was_kept() {
    let shell = with_key();
    let ran = shell.run(&["verify", "--keys=trusted"]).exits_with(1);
    assert!(ran.out.contains("no checkpoint of a trusted key covers any of the 3 batches"), "{}", ran.out);
    let ran = shell.run(&["seal", "--once", "--key-file=log.key"]).success();
    assert!(ran.out.ends_with("the newest checkpoint covers 3\n"), "{}", ran.out);
    let ran = shell.run(&["verify", "--keys=trusted", "--save=kept"]).success();
    assert!(ran.out.contains("the newest checkpoint covers all of it"), "{}", ran.out);
    record(&shell);
    let ran = shell.run(&["verify", "--keys=trusted", "--checkpoint=kept", "--save=kept"]).success();
    assert!(ran.out.contains("3 batches are newer than the newest checkpoint"), "{}", ran.out);

    shell.execute(
        "DROP TRIGGER audit_batches_no_delete; DROP TRIGGER audit_logs_no_delete; DROP TRIGGER audit_tree_no_delete; \
         DROP TRIGGER audit_checkpoints_no_delete; DELETE FROM audit_batches; DELETE FROM audit_logs; \
         DELETE FROM audit_tree; DELETE FROM audit_checkpoints",
    );
    shell.run(&["verify"]).success();
    let ran = shell.run(&["verify", "--checkpoint=kept"]).exits_with(1);
    assert!(ran.out.contains("and the tree has 0: the end of the log was cut off"), "{}", ran.out);
    std::fs::write(shell.folder().join("kept"), "rubbish").unwrap();
    shell.run(&["verify", "--checkpoint=kept"]).exits_with(2).complains("this is no checkpoint");
    shell.run(&["verify", "--keys=log.key"]).exits_with(2).complains("line 1 begins with neither");
}

#[test]
fn a_sealer_ends_when_it_is_asked_to() {
    let shell = with_key();
    let mut sealer =
        shell.command(&["seal", "--key-file=log.key"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    while !shell.run(&["verify", "--keys=trusted"]).out.contains("covers all of it") {
        assert!(sealer.try_wait().unwrap().is_none(), "it goes on until it is asked to end");
    }
    std::process::Command::new("kill").arg(sealer.id().to_string()).status().unwrap();
    let ended = sealer.wait_with_output().unwrap();
    assert!(ended.status.success());
    assert!(String::from_utf8(ended.stdout).unwrap().contains("the newest checkpoint covers 3"));
}

#[test]
fn checkpoints_also_go_to_a_directory() {
    let shell = with_key();
    let seal = ["seal", "--once", "--key-file=log.key", "--directory=outside"];
    shell.run(&seal).exits_with(2).complains("outside");
    std::fs::create_dir(shell.folder().join("outside")).unwrap();
    shell.run(&seal).success();
    let kept = "outside/00000000000000000003.checkpoint";
    shell.run(&["verify", "--keys=trusted", &format!("--checkpoint={kept}")]).success();
    shell.execute(
        "DROP TRIGGER audit_batches_no_delete; DROP TRIGGER audit_logs_no_delete; DROP TRIGGER audit_tree_no_delete; \
         DROP TRIGGER audit_checkpoints_no_delete; DELETE FROM audit_batches; DELETE FROM audit_logs; \
         DELETE FROM audit_tree; DELETE FROM audit_checkpoints",
    );
    shell.run(&["verify", &format!("--checkpoint={kept}")]).exits_with(1);
}

#[test]
fn a_proof_holds_without_the_database() {
    let shell = with_key();
    let id = shell.entries(&[])[0]["id"].as_str().unwrap().to_owned();
    shell.run(&["proof", &id]).exits_with(1).complains("no checkpoint covers entry");
    shell.run(&["seal", "--once", "--key-file=log.key"]).success();
    let proof = shell.run(&["proof", &id]).success().out;
    std::fs::write(shell.folder().join("proof.json"), &proof).unwrap();
    std::fs::remove_file(shell.folder().join("audit.db")).unwrap();
    let ran = shell.run(&["verify", "--proof=proof.json", "--keys=trusted"]).success();
    assert!(ran.out.contains(&format!("entry {id} is in the log log.example.org")), "{}", ran.out);
    assert!(ran.out.contains("u project.created · success"), "{}", ran.out);

    std::fs::write(shell.folder().join("proof.json"), proof.replace("proj_1", "proj_2")).unwrap();
    let ran = shell.run(&["verify", "--proof=proof.json", "--keys=trusted", "--format=json"]).exits_with(1);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["intact"], false);
    std::fs::write(shell.folder().join("proof.json"), "{}").unwrap();
    shell.run(&["verify", "--proof=proof.json", "--keys=trusted"]).exits_with(2).complains("proof.json: missing field");
    shell.run(&["verify", "--proof=proof.json"]).exits_with(2).complains("--keys");
}

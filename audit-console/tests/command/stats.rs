//! `audit stats`: how many there are.

use serde_json::{Value, json};

use crate::support::Shell;

#[test]
fn entries_are_counted_by_each_kind_in_bars_and_in_json() {
    let shell = Shell::with_log();
    for (actor, action, outcome) in [
        ("user:ann", "project.created", "success"),
        ("user:ann", "project.deleted", "denied"),
        ("user:bob", "project.created", "success"),
    ] {
        let arguments = ["--actor", actor, "--action", action, "--outcome", outcome, "--target=project:p"];
        shell.run(&[&["record"], &arguments[..]].concat()).success();
    }
    let out = shell.run(&["stats"]).success().out;
    let bar = |name: &str| {
        let line =
            out.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("{name}: {out}"));
        line.matches('█').count()
    };
    assert_eq!(bar("project.created"), 2 * bar("project.deleted"));
    assert_eq!(bar("user:ann"), bar("success"));

    let stats = |arguments: &[&str]| -> Value {
        let ran = shell.run(&[&["stats", "--format=json"], arguments].concat()).success();
        serde_json::from_str(&ran.out).unwrap()
    };
    let all = stats(&["--most=1"]);
    assert_eq!(all["total"], 3);
    assert_eq!(all["action"]["counts"], json!([{ "value": "project.created", "count": 2 }]));
    assert_eq!(all["action"]["others"], 1);
    assert_eq!(all["day"]["counts"][0]["count"], 3);
    let some = stats(&["actor:ann"]);
    assert_eq!(
        some["outcome"]["counts"],
        json!([{ "value": "denied", "count": 1 }, { "value": "success", "count": 1 }])
    );
}

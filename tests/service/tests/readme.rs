//! What the README has of services and tests compiles, and is there as it compiles.

use std::fs;
use std::path::Path;

mod readme {
    #![expect(dead_code, reason = "most of it only has to compile")]

    mod errors;
    mod jobs;
    mod proxies;
    mod routes;
    mod tested;

    /// The function that the README begins with.
    #[audit_core::audited(action = "project.deleted", metadata(reason))]
    async fn delete_project(project_id: &str, reason: &str) -> Result<(), std::io::Error> {
        Ok(())
    }
}

const README: &str = include_str!("../../../README.md");

fn read(place: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(place)).unwrap()
}

#[test]
fn the_readme_has_the_programs_that_compile() {
    let parts = ["errors", "jobs", "proxies", "routes", "tested"].map(|name| format!("tests/readme/{name}.rs"));
    for place in parts.iter().map(String::as_str).chain(["examples/readme.rs"]) {
        let block = format!("```rs\n{}```\n", read(place));
        assert!(README.contains(&block), "copy tests/service/{place} into README.md");
    }
}

#[test]
fn the_readme_mounts_the_viewer_as_its_documentation_does() {
    let page = read("../../audit-console/src/viewer/mod.rs");
    let (_, example) = page.split_once("//! ```no_run\n").unwrap();
    let (example, _) = example.split_once("//! ```\n").unwrap();
    let lines = example.lines().map(|line| line.strip_prefix("//! ").unwrap_or_default());
    let shown = lines.filter(|line| !line.starts_with("# ")).collect::<Vec<_>>().join("\n");
    assert!(
        README.contains(&format!("```rs\n{shown}\n```\n")),
        "copy the example of audit_console::viewer into README.md"
    );
}

#[test]
fn the_readme_counts_the_migrations() {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres")).unwrap();
    let migrations = files.filter(|file| file.as_ref().unwrap().path().extension() == Some("sql".as_ref())).count();
    assert!(README.contains(&format!("✓ migrations  all {migrations} applied\n")), "there are {migrations}");
}

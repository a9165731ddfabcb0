//! The service of the README compiles, and is there as it compiles.

#[test]
fn the_readme_has_the_service_that_compiles() {
    let readme = include_str!("../../../README.md");
    let program = include_str!("../examples/readme.rs");
    assert!(readme.contains(&format!("```rs\n{program}```\n")), "copy tests/service/examples/readme.rs into README.md");
}

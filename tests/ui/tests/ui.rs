//! What the macros say to mistakes, and what they accept in silence. `TRYBUILD=overwrite` writes the
//! expected texts anew.

#[test]
fn each_mistake_is_one_error_on_the_users_own_text() {
    let cases = trybuild::TestCases::new();
    for class in ["action", "arguments", "block", "catalog", "function", "metadata", "scope", "target"] {
        cases.compile_fail(format!("cases/{class}/*.rs"));
    }
    cases.pass("cases/pass/*.rs");
}

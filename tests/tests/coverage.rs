//! Where actions are emitted, as the program itself knows it.
#![forbid(unsafe_code)]

use audit_core::coverage;
use edition_2021 as _;

fn found(action: &str, function: &str) -> bool {
    coverage::sites().iter().any(|site| site.action() == action && site.function() == function)
}

#[test]
fn every_function_of_a_linked_crate_is_found_though_nobody_calls_it() {
    assert!(found("secret.created", "edition_2021::create"));
    assert!(found("secret.accessed", "edition_2021::read"));
    assert!(found("secret.rotated", "edition_2021::outer::inner"));
    assert!(found("secret.rotated", "edition_2021::Sealed::seal"));
    assert!(found("secret.accessed", "edition_2021::Vault::get"));
    assert!(found("secret.accessed", "<edition_2021::Vault as edition_2021::Sealed>::open"));
}

//! Where actions are emitted, as the program itself knows it.
#![forbid(unsafe_code)]

use std::fmt::Debug;

use audit_core::catalog::render;
use audit_core::coverage::{self, Coverage, path_of};
use audit_core::{Catalog, assert_coverage};
use edition_2021 as _;

mod shop {
    //! What there is to cover.

    use std::marker::PhantomData;

    #[derive(Debug, audit_core::Catalog)]
    pub(crate) enum Action {
        /// An order was placed.
        #[audit(action = "order.placed", target = "order")]
        Placed,
        #[audit(action = "order.cancelled", target = "order")]
        Cancelled,
        #[audit(action = "refund.paid", target = "refund")]
        Paid,
    }

    #[audited(action = "order.placed")]
    pub(crate) fn place(order_id: u64) {
        std::hint::black_box(order_id);
    }

    pub(crate) fn peek() {}

    pub(crate) struct Orders<T>(PhantomData<T>);

    impl<T> Orders<T> {
        #[audited(action = "order.placed")]
        pub(crate) async fn place_again<const N: u8>(order_id: &T)
        where
            T: std::fmt::Display,
        {
        }

        pub(crate) fn forget() {}
    }
}

fn found(action: &str, function: &str) -> bool {
    coverage::sites().iter().any(|site| site.action() == action && site.function() == function)
}

/// What a check complains of, a line each.
fn complaints(coverage: &Coverage) -> Vec<String> {
    let text = coverage.check().map_or_else(|gaps| gaps.to_string(), |()| String::new());
    text.lines().filter_map(|line| line.strip_prefix("* ")).map(ToOwned::to_owned).collect()
}

fn without_actions() -> Coverage {
    Coverage::of::<shop::Action>().not_emitted("order.cancelled", "not yet").not_emitted("refund.paid", "not yet")
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

#[test]
fn a_site_tells_action_target_file_and_line() {
    let source = include_str!("coverage.rs");
    let line = 1 + source.lines().position(|line| line.trim_start().starts_with("#[audited")).expect("there is one");
    let sites = coverage::sites();
    let site = sites.iter().find(|site| site.function() == "coverage::shop::place").expect("it is registered");
    assert_eq!((site.action(), site.target()), ("order.placed", "order"));
    assert!(site.file().ends_with("tests/coverage.rs"), "{}", site.file());
    assert_eq!(site.line() as usize, line);
}

#[test]
fn an_action_that_is_emitted_nowhere_fails_and_says_what_to_write_where() {
    let gaps = Coverage::of::<shop::Action>().check().unwrap_err().to_string();
    assert!(gaps.starts_with("the audit coverage of `coverage::shop::Action` has gaps (2):"), "{gaps}");
    let paragraph = "* action `order.cancelled` is emitted nowhere\n  write `#[audited(action = \"order.cancelled\", …)]` above the \
        function that does it; what else is done to target `order` is at tests/tests/coverage.rs:";
    assert!(gaps.contains(paragraph), "{gaps}");
    assert!(gaps.contains("`not_emitted = [\"order.cancelled\" => \"why\"]`"), "{gaps}");
    assert!(gaps.contains("* action `refund.paid` is emitted nowhere"), "{gaps}");
}

#[test]
fn what_is_audited_or_allowed_with_a_reason_passes() {
    assert_coverage!(
        shop::Action,
        not_emitted = ["refund.*" => "the bank emits it", "order.cancelled" => "not yet"],
        functions = [shop::place, shop::Orders::<u8>::place_again::<3>, shop::peek, edition_2021::create],
        not_audited = [shop::peek => "changes nothing"],
    );
}

#[test]
#[should_panic(expected = "function `coverage::shop::Orders::forget` is not audited")]
fn the_macro_fails_the_test() {
    assert_coverage!(
        shop::Action,
        not_emitted = ["refund.paid" => "not yet", "order.cancelled" => "not yet"],
        functions = [shop::Orders::<String>::forget]
    );
}

#[test]
fn a_function_of_the_list_that_is_not_audited_fails_and_names_its_neighbour() {
    let coverage = without_actions().functions([path_of(&shop::peek), path_of(&shop::place)]);
    let gaps = coverage.check().unwrap_err().to_string();
    assert_eq!(complaints(&coverage), ["function `coverage::shop::peek` is not audited"]);
    assert!(gaps.contains("its neighbour `coverage::shop::place` is at tests/tests/coverage.rs:"), "{gaps}");
}

#[test]
fn an_allowance_that_is_no_longer_needed_fails() {
    let coverage = without_actions()
        .not_emitted("order.placed", "once it was not")
        .not_emitted("refund.payed", "misspelt")
        .functions(["coverage::shop::place"])
        .not_audited("coverage::shop::place", "once it was not")
        .not_audited("coverage::shop::gone", "it is no more");
    let complaints = complaints(&coverage);
    assert!(complaints[0].starts_with("`not_emitted` allows `order.placed`, which is emitted at "), "{complaints:?}");
    assert_eq!(complaints[1], "`not_emitted` allows `refund.payed`, which the catalog does not have");
    assert!(complaints[2].starts_with("`not_audited` allows `coverage::shop::place`, which is audited at "));
    assert_eq!(complaints[3], "`not_audited` allows `coverage::shop::gone`, which is not in the list `functions`");
    assert_eq!(complaints.len(), 4);
}

#[test]
fn an_allowance_without_a_reason_fails() {
    let coverage = Coverage::of::<shop::Action>().not_emitted("refund.paid", " ").not_emitted("order.cancelled", "why");
    assert_eq!(complaints(&coverage), ["`refund.paid` is allowed without a reason"]);
}

#[test]
fn the_markdown_shows_where_each_action_is_emitted() {
    fn section<C: Catalog + Debug>(action: &str) -> String {
        let text = render::markdown::<C>();
        let (_, section) = text.split_once(&format!("### `{action}`\n")).expect("the action is there");
        section.split("\n#").next().unwrap_or_default().trim().to_owned()
    }
    let placed = section::<shop::Action>("order.placed");
    assert!(placed.starts_with("An order was placed.\n\nMetadata: any.\n\nEmitted by:\n\n- `"), "{placed}");
    assert!(placed.contains("- `coverage::shop::place` (tests/tests/coverage.rs:"), "{placed}");
    assert!(placed.contains("- `coverage::shop::Orders::place_again` (tests/tests/coverage.rs:"), "{placed}");
    assert_eq!(section::<shop::Action>("refund.paid"), "Metadata: any.\n\nEmitted nowhere.");
    assert!(!render::markdown::<audit_core::catalog::SystemAction>().contains("Emitted"));
}

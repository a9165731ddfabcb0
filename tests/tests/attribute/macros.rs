//! Functions that macros make, those of other crates among them, which know audit-core by another name.

use std::pin::Pin;

use audit_core::{Outcome, audited};
use renamed::Ticket;
use serde_json::json;

use crate::support::on_both_runtimes;
use tests::calls::rows;

on_both_runtimes! {
    a_function_that_a_macro_makes_is_recorded_with_what_the_macro_was_given,
    a_function_whose_parts_a_macro_was_given_is_recorded,
    a_macro_of_another_crate_brings_the_catalog_of_that_crate,
    a_crate_that_knows_this_one_by_another_name_is_audited_alike,
    an_unsafe_function_is_recorded_like_any_other,
}

macro_rules! project {
    ($(#[$attribute:meta])* $name:ident, $action:literal, $id:ident: $type:ty, $($details:tt)*) => {
        $(#[$attribute])*
        #[audited(action = $action, target_id = $id, metadata($($details)*))]
        fn $name($id: $type, kind: &str) -> Result<$type, String> {
            // The name is the macro's own.
            let id = kind.len();
            if id == 0 { Err("empty".to_owned()) } else { Ok($id) }
        }
    };
}

project!(suspend, "project.suspended", id: u64, reason = "unpaid");
project!(
    #[inline]
    update,
    "project.updated",
    project: &'static str,
    new_value = project, ret old_value = |ok| ok.len()
);

macro_rules! with_attributes {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        async fn $name(project_id: u32) {}
    };
}

with_attributes!(
    #[audited(action = "project.deleted")]
    delete
);

async fn a_function_that_a_macro_makes_is_recorded_with_what_the_macro_was_given() {
    let rows = rows(async {
        assert_eq!(suspend(7, "kind"), Ok(7));
        update("mine", "").unwrap_err();
        assert_eq!(update("mine", "new"), Ok("mine"));
        delete(5).await;
    })
    .await;
    let seen: Vec<_> = rows.iter().map(|row| (row.action.as_str(), row.target_id.as_deref(), row.outcome)).collect();
    let expected = [
        ("project.suspended", Some("7"), Outcome::Success),
        ("project.updated", Some("mine"), Outcome::Failure),
        ("project.updated", Some("mine"), Outcome::Success),
        ("project.deleted", Some("5"), Outcome::Success),
    ];
    assert_eq!(seen, expected);
    assert_eq!(rows[0].metadata.get("reason"), Some(&json!("unpaid")));
    assert_eq!(rows[2].metadata.get("old_value"), Some(&json!(4)));
}

macro_rules! from_parts {
    ($vis:vis $name:ident, $id:pat_param, $places:ident, $given:ty => $made:ty, $value:expr, $life:lifetime, $body:block) => {
        #[audited(action = "project.updated", target_id = $value)]
        $vis fn $name<$life>($id: $given, $places: &$life [u64]) -> Option<&$life $made> $body
    };
    (async $name:ident, $id:ident, $given:ty => $made:ty, $body:block) => {
        #[audited(action = "project.updated", target_id = $id)]
        async fn $name($id: $given) -> $made $body
    };
    (boxed $name:ident, $id:ident, $given:ty => $made:ty, $body:block) => {
        #[audited(action = "project.updated", target_id = $id)]
        fn $name($id: $given) -> Pin<Box<dyn Future<Output = $made> + Send>> { Box::pin(async move $body) }
    };
}

from_parts!(pub(crate) at_once, id, places, usize => u64, id, 'a, {
    let after = id.checked_add(1)?;
    places.get(after)
});
from_parts!(async awaited, id, u64 => Option<u64>, { Some(id + 1) });
from_parts!(boxed boxed, id, u64 => u64, { id + 2 });

async fn a_function_whose_parts_a_macro_was_given_is_recorded() {
    let rows = rows(async {
        assert_eq!((at_once(8, &[7; 10]), awaited(8).await, boxed(8).await), (Some(&7), Some(9), 10));
    })
    .await;
    assert_eq!(rows.iter().map(|row| row.target_id.as_deref()).collect::<Vec<_>>(), [Some("8"); 3]);
}

renamed::audited_function!(sold, "ticket.sold", number: u64, Option<u64>, Some(number));

mod without_the_import {
    renamed::audited_function!(
        #[inline]
        pub(super) sold_here, "ticket.sold", number: &str, usize, number.len());
}

async fn a_macro_of_another_crate_brings_the_catalog_of_that_crate() {
    let rows = rows(async {
        assert_eq!(sold(7), Some(7));
        assert_eq!(without_the_import::sold_here("seven"), 5);
    })
    .await;
    let seen: Vec<_> = rows.iter().map(|row| (row.action.as_str(), row.target_id.as_deref())).collect();
    assert_eq!(seen, [("ticket.sold", Some("7")), ("ticket.sold", Some("seven"))]);
    assert_eq!(rows[0].metadata.get("cents"), Some(&json!(5)));
}

async fn an_unsafe_function_is_recorded_like_any_other() {
    let ticket = Ticket { number: 7, cents: 0 };
    let rows = rows(async { assert_eq!(renamed::first_twice(ticket).await, (7, 7)) }).await;
    assert_eq!(rows.iter().map(|row| row.target_id.as_deref()).collect::<Vec<_>>(), [Some("7"), Some("7")]);
}

async fn a_crate_that_knows_this_one_by_another_name_is_audited_alike() {
    let mut ticket = None;
    let rows = rows(async {
        ticket = Some(renamed::sell(1, 900));
        renamed::change(ticket.as_mut().expect("it was sold"), 700);
        renamed::sell_later(2, 900).await;
    })
    .await;
    assert_eq!(ticket, Some(Ticket { number: 1, cents: 700 }));
    let targets: Vec<_> = rows.iter().map(|row| row.target_id.as_deref()).collect();
    assert_eq!(targets, [Some("1"), Some("1"), Some("2")]);
    assert_eq!(rows[1].metadata.get("changes"), Some(&json!({ "cents": { "from": 900, "to": 700 } })));
}

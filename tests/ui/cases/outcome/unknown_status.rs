//! A response whose status nobody can tell is refused, never recorded as a success.

use audit_core::{Outcome, audited};
use axum::response::{IntoResponse, Response};
use axum::http::StatusCode;

struct Page;

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        StatusCode::FORBIDDEN.into_response()
    }
}

fn hidden() -> impl IntoResponse {
    Page
}

#[audited(action = "project.updated", target_id = 1)]
async fn opaque() -> impl IntoResponse {
//~ impl => or write `outcome = |returned| …` in the attribute
    hidden()
}

#[audited(action = "project.updated", target_id = 1)]
async fn of_a_type() -> Page {
//~ Page => nobody can tell from `Page` how the call ended
    Page
}

#[audited(action = "project.updated", target_id = 1)]
fn either() -> Result<Page, Page> {
//~ Result => nobody can tell from `Page` how the call ended
    Ok(Page)
}

mod elsewhere {
    //! Another framework's trait of that name.

    pub(super) trait IntoResponse {}

    impl IntoResponse for u8 {}

    #[audit_core::audited(action = "project.updated", target_id = 1)]
    pub(super) fn respond() -> Result<impl IntoResponse, String> {
    //~ Result => nobody can tell from `u8` how the call ended
        Ok(1_u8)
    }
}

// Where the outcome is said, nobody has to tell it.
#[audited(action = "project.updated", target_id = 1, outcome = |_| Outcome::Denied)]
async fn meant() -> impl IntoResponse {
    hidden()
}

fn main() {
    drop((opaque(), of_a_type(), either(), elsewhere::respond(), meant()));
}

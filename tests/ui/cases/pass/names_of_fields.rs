#![deny(warnings)]
#![allow(dead_code)]

struct ActionInfo;
struct Durability;
struct FieldInfo;

mod audit {
    pub(crate) struct Page;

    // What the expansions name by themselves, the user may call otherwise.
    #[derive(audit_core::Catalog)]
    pub(crate) enum Action {
        #[audit(action = "report.made", target = "report")]
        ReportMade { info: String, row: i64, own_metadata: Option<String>, metadata: bool, r#type: String, value: u8 },
        #[audit(action = "page.made", target = "page")]
        Page { r#type: Option<String> },
    }
}

use audit::audited;

#[audited(
    action = "report.made",
    target_id = 1,
    metadata(info, row, own_metadata = captures, metadata, r#type = call, ret value = |value| *value)
)]
fn make(info: &str, row: i64, captures: &str, metadata: bool, call: &str) -> u8 {
    let (result, returned, told, verdict) = (1, 2, 3, 4);
    result + returned + told + verdict
}

#[audited(action = "page.made", target_id = |field| *field, metadata(r#type))]
async fn make_page(r#type: &str) -> u8 {
    7
}

fn main() {
    make("", 1, "", true, "");
    drop(make_page(""));
}

//! The errors of the body are those of the function without the attribute.

use std::pin::Pin;

use audit_core::audited;

#[audited(action = "project.updated", target_id = 1)]
fn number() -> i64 {
    "text"
    //~ "text" => mismatched types
}

#[audited(action = "project.updated", target_id = 1)]
async fn number_later() -> i64 {
    "text"
    //~ "text" => mismatched types
}

#[audited(action = "project.updated", target_id = 1)]
async fn early(text: bool) -> Result<i64, String> {
    if text {
        return Ok("text");
        //~ "text" => mismatched types
    }
    unknown(text)
    //~ unknown => cannot find function `unknown` in this scope
}

#[audited(action = "project.updated", target_id = 1)]
fn future() -> impl Future<Output = i64> {
    async {
        let n: i64 = "text";
        //~ "text" => mismatched types
        n
    }
}

#[audited(action = "project.updated", target_id = 1)]
fn boxed() -> Pin<Box<dyn Future<Output = Result<(), String>>>> {
    Box::pin(async {
        "".parse::<i64>()?;
        //~ ? => `?` couldn't convert the error to `String`
        Ok(())
    })
}

#[audited(action = "project.updated", target_id = 1)]
async fn borrowed(moved: String) -> String {
    drop(moved);
    moved
    //~ moved => use of moved value
}

#[audited(action = "project.updated", target_id = 1)]
fn extra_semicolon(n: i64) -> i64 {
    //~ i64 => mismatched types
    n;
}

fn main() {}

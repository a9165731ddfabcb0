//! What the log holds does nothing to who looks at it, and what is asked does nothing to the log.

use audit_core::{Actor, Context, Target};

use crate::support::{Log, entry};

const SCRIPT: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

#[tokio::test]
async fn whatever_the_log_holds_is_shown_and_not_obeyed() {
    for log in Log::both().await {
        let hostile = format!("{SCRIPT}\u{202e}\u{1b}[2J\u{0}\r\n");
        let context = Context::new().with_request_id(&hostile).with_user_agent(&hostile).with_tenant_id(&hostile);
        let entry = |seconds| {
            entry("project.created", seconds)
                .actor(Actor::user(&hostile))
                .target(Target::new(hostile.clone(), &hostile))
                .metadata(hostile.clone(), &serde_json::json!({ &hostile: { "from": &hostile, "to": [&hostile] } }))
                .context(context.clone())
                .failure(&hostile)
        };
        let shown = entry(2).build();
        let path = format!("/entries/{}", shown.id());
        log.hold(vec![shown, entry(1).build()]).await;
        let site = log.site().await;
        for path in ["/entries", &path] {
            let page = site.get(path).await.is(200).says("&#60;script&#62;alert(1)").says("\\u{202e}\\u{1b}[2J");
            let body = &page.body;
            assert!(!body.contains("<script>alert") && !body.contains("<img"), "{body}");
            assert!(!body.contains(['\u{202e}', '\u{1b}', '\r', '\u{0}']), "{body}");
        }
        // Every link of the page leads to a page: what stands in it is encoded.
        let page = site.get("/entries").await;
        for link in page.body.split("href=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
            let link = link.replace("&#38;", "&");
            if link.starts_with("entries") || link.starts_with("assets") {
                site.get(&format!("/{link}")).await.is(200);
            }
        }
        let words: Vec<_> = hostile.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let page = site.get(&format!("/entries?q={}", words.concat())).await;
        assert!(!page.body.contains("<script>alert") && !page.body.contains('\u{202e}'), "{}", page.body);
    }
}

#[tokio::test]
async fn large_metadata_is_shown_on_its_own_page_alone() {
    for log in Log::both().await {
        let large = entry("project.created", 1).metadata("large", &"x".repeat(60_000)).build();
        let path = format!("/entries/{}", large.id());
        let many = (0..60).map(|_| entry("project.updated", 2).metadata("large", &"x".repeat(60_000)).build());
        log.hold(many.chain([large]).collect()).await;
        let site = log.site().await;
        assert!(site.get("/entries").await.is(200).body.len() < 100_000);
        let whole = site.get(&path).await.is(200);
        assert!((120_000..200_000).contains(&whole.body.len()), "{}", whole.body.len());
    }
}

#[tokio::test]
async fn every_answer_forbids_scripts_from_elsewhere_and_within() {
    let log = Log::sqlite().await;
    let site = log.site().await;
    for path in ["/", "/entries", "/entries?q=a:", "/entries/1", "/nowhere", "/assets/viewer.js", "/assets/nothing"] {
        let answer = site.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let body = &answer.body;
        let within = [" onclick=", " style=", "<style", "javascript:", "<script>", "https://"];
        assert!(path.starts_with("/assets") || !within.iter().any(|text| body.contains(text)), "{path}: {body}");
    }
    assert_eq!(site.get("/entries").await.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn nothing_but_looking_is_answered() {
    let log = Log::sqlite().await;
    let site = log.site().await;
    for path in ["/", "/entries", "/entries/1", "/live", "/export.csv", "/export.jsonl", "/assets/viewer.js"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let answer = site.ask(method, path, "", "").await.is(405);
            assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn whoever_asks_for_the_head_alone_gets_that_of_the_whole_answer() {
    let log = Log::sqlite().await;
    let site = log.site().await;
    for path in ["/", "/entries", "/entries?q=a:", "/entries/1", "/live?from=page-2", "/nowhere", "/assets/viewer.css"]
    {
        let (head, whole) = (site.ask("HEAD", path, "", "").await, site.get(path).await);
        assert_eq!((head.status, head.about()), (whole.status, whole.about()), "{path}");
        assert_eq!(head.body, "", "{path}");
    }
}

#[tokio::test]
async fn no_address_leads_out_of_the_assets() {
    let log = Log::sqlite().await;
    let site = log.site().await;
    for name in
        ["../Cargo.toml", "..%2fCargo.toml", "%2e%2e%2fsrc%2flib.rs", "..%5cCargo.toml", "%2fetc%2fpasswd", "%00", ""]
    {
        let answer = site.get(&format!("/assets/{name}")).await;
        assert!((400..500).contains(&answer.status), "{name}: {}", answer.status);
        assert!(!answer.body.contains("[package]") && !answer.body.contains("root:"), "{name}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_asked_does_not_make_an_answer_large() {
    let log = Log::sqlite().await;
    log.hold((0..60).map(|number| entry("project.created", number * 60).build()).collect()).await;
    let site = log.site().await;
    // Each of some hundred links repeats the query.
    let longest = format!("/entries?q=-actor:%22{}%22", "%E2%80%AE".repeat(1_300));
    let page = site.get(&longest).await.is(200);
    assert!(page.body.len() < 5_000_000, "{}", page.body.len());
    let page = site.get(&format!("/entries?q={}", "x".repeat(5_000))).await.is(400).says("longer than 4096 bytes");
    assert!(page.body.len() < 50_000, "{}", page.body.len());
    let path = format!("/entries?q={}", "x".repeat(100_000));
    assert!((400..500).contains(&site.get(&path).await.status));
}

//! The pages for people who see little, use no mouse, or hear pages read: axe-core looks at each as a browser shows it.

use audit_core::store::Schema;
use audit_core::{Context, Outcome, Target};

use crate::access::{Served, TOKEN};
use crate::driver::{Browser, Scripts};
use crate::support::{Log, Site, entry};

const AXE: &str = include_str!("axe/axe.min.js");

/// Run by the driver, whom the page's policy does not bind.
const LOOK: &str = "
    const done = arguments[arguments.length - 1];
    const rules = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] };
    axe.run(document, rules).then(
        (found) => done(found.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html}: ${node.failureSummary}`))),
        (error) => done([String(error)]));";

/// A browser's ways to show a page.
const SCHEMES: [&str; 2] = ["light", "dark"];
const WIDTHS: [u32; 2] = [1_280, 390];

/// What is wrong with the page that the browser shows, in each scheme and width.
async fn violations(browser: &Browser, page: &str) -> Vec<String> {
    let mut all = Vec::new();
    for scheme in SCHEMES {
        for width in WIDTHS {
            browser.looks(scheme, width).await;
            browser.goto(page).await.unwrap();
            browser.execute(AXE, vec![]).await.unwrap();
            let found: Vec<String> = browser.execute_async(LOOK, vec![]).await.unwrap().convert().unwrap();
            all.extend(found.iter().map(|found| format!("{page} ({scheme}, {width}): {found}")));
            let wider = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
            let wider: bool = browser.execute(wider, vec![]).await.unwrap().convert().unwrap();
            all.extend(wider.then(|| format!("{page} ({scheme}, {width}): is wider than the window")));
        }
    }
    all
}

/// A log with an entry of each outcome, and one that has something of everything.
async fn varied() -> (Log, String) {
    let log = Log::sqlite().await;
    let ended = |outcome| entry("project.updated", 100).outcome(outcome).failure("it is locked").build();
    let changes = serde_json::json!({ "name": { "from": "Mine", "to": "Ours" }, "seats": { "from": null, "to": 5 } });
    let whole = || {
        let context = Context::new().with_request_id("req_9").with_tenant_id("acme").with_user_agent("x".repeat(300));
        entry("project.updated", 5)
            .target(Target::project("p".repeat(200)))
            .metadata("changes", &changes)
            .context(context)
    };
    let shown = whole().build();
    let id = shown.id().to_string();
    let all = Outcome::ALL.into_iter().map(ended).chain((0..60).map(|_| whole().build())).chain([shown]);
    log.hold(all.collect()).await;
    (log, id)
}

#[tokio::test]
async fn every_page_of_a_log_meets_wcag_in_both_schemes_and_widths() {
    let (log, id) = varied().await;
    let (site, empty) = (log.site().await, Log::sqlite().await.site().await);
    let browser = Browser::start(Scripts::Run).await;
    let mut found = Vec::new();
    for path in [
        "/entries",
        "/entries?q=actor:user_123+-outcome:success+created:%3E%3D24h",
        &format!("/entries/{id}"),
        "/entries?q=tenant:nobody",
        "/entries?q=outcome:failed",
        "/entries?after=page-2",
        "/entries/1",
    ] {
        found.extend(violations(&browser, &format!("http://{}{path}", site.address)).await);
    }
    found.extend(violations(&browser, &format!("http://{}/entries", empty.address)).await);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn so_do_the_pages_for_whoever_may_not_see_it() {
    let database = tests::postgres::server().database().await;
    let schema = Schema::default();
    audit_core::store::open(&database.url(), &schema).unwrap().migrate().await.unwrap();
    let url = database.user("accessible_without_a_role", "").await;
    let log = audit_console::viewer::Log::connect(&url, &schema).await.unwrap();
    let refused = Site::serve(audit_console::viewer::router(log)).await;
    let log = Log::sqlite().await;
    let (_served, login) = Served::start(&log, &["--listen=127.0.0.1:0", "--token", TOKEN]);
    let browser = Browser::start(Scripts::Run).await;
    let mut found = Vec::new();
    for site in [refused, login] {
        found.extend(violations(&browser, &format!("http://{}/entries", site.address)).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

//! The pages in a browser.

use std::time::Duration;

use audit_core::{Outcome, Target};
use thirtyfour::prelude::*;

use crate::driver::{Browser, Scripts};
use crate::support::{Log, Site, entry};

/// Two entries an hour apart, in a log of each test's own.
async fn two() -> (Log, Site) {
    let log = Log::sqlite().await;
    let old = entry("project.created", 3_600).target(Target::project("old"));
    let new = entry("project.deleted", 60).target(Target::project("new")).outcome(Outcome::Denied);
    log.hold(vec![old.build(), new.build()]).await;
    let site = log.site().await;
    (log, site)
}

fn address(site: &Site, path: &str) -> String {
    format!("http://{}{path}", site.address)
}

/// Waits until the page shows exactly these entries, named by their targets.
async fn shows(browser: &Browser, targets: &[&str]) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut found = Vec::new();
        for entry in browser.find_all(By::Css("#entries .sentence b:last-of-type")).await.unwrap() {
            // Between two looks the page may have been changed.
            found.push(entry.text().await.unwrap_or_default());
        }
        if found == targets {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{found:?}, not {targets:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn search(browser: &Browser, text: &str) {
    let query = browser.find(By::Id("q")).await.unwrap();
    query.clear().await.unwrap();
    query.send_keys(text).await.unwrap();
    query.send_keys(Key::Enter + "").await.unwrap();
}

/// Follows every way through the page that needs no script.
async fn walk(browser: &Browser, site: &Site) {
    browser.goto(address(site, "/")).await.unwrap();
    shows(browser, &["new", "old"]).await;
    search(browser, "action:project.created").await;
    shows(browser, &["old"]).await;
    assert!(browser.current_url().await.unwrap().query().unwrap().contains("project.created"));
    browser.find(By::Css(".chip")).await.unwrap().click().await.unwrap();
    shows(browser, &["new", "old"]).await;
    browser.find(By::XPath("//aside//a[contains(., 'denied')]")).await.unwrap().click().await.unwrap();
    shows(browser, &["new"]).await;
    browser.back().await.unwrap();
    shows(browser, &["new", "old"]).await;
    browser.find(By::Css("svg a:first-of-type .all")).await.unwrap().click().await.unwrap();
    shows(browser, &["old"]).await;
    browser.find(By::Css("#entries a")).await.unwrap().click().await.unwrap();
    browser.query(By::Css(".facts")).first().await.unwrap();
}

#[tokio::test]
async fn search_facets_and_brush_lead_through_the_log() {
    let (_log, site) = two().await;
    walk(&Browser::start(Scripts::Run).await, &site).await;
}

#[tokio::test]
async fn all_of_that_works_without_scripts() {
    let (_log, site) = two().await;
    let browser = Browser::start(Scripts::Forbidden).await;
    walk(&browser, &site).await;
    browser.goto(address(&site, "/entries")).await.unwrap();
    // What needs a script is not there.
    assert!(!browser.find(By::Id("live")).await.unwrap().is_displayed().await.unwrap());
}

#[tokio::test]
async fn the_keyboard_suffices() {
    let (_log, site) = two().await;
    let browser = Browser::start(Scripts::Run).await;
    browser.goto(address(&site, "/entries")).await.unwrap();
    let press = async |keys: TypingData| browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
    press("/".into()).await;
    assert_eq!(browser.active_element().await.unwrap().id().await.unwrap().as_deref(), Some("q"));
    press("outcome:denied".into()).await;
    press(Key::Enter + "").await;
    shows(&browser, &["new"]).await;
    browser.goto(address(&site, "/entries")).await.unwrap();
    press("jjk".into()).await;
    press(Key::Enter + "").await;
    let title = browser.query(By::Css(".this .sentence")).first().await.unwrap();
    assert!(title.text().await.unwrap().ends_with("new"));
}

#[tokio::test]
async fn a_live_tail_shows_what_is_recorded_without_loading_the_page() {
    let (log, site) = two().await;
    let browser = Browser::start(Scripts::Run).await;
    browser.goto(address(&site, "/entries")).await.unwrap();
    browser.find(By::Id("live")).await.unwrap().click().await.unwrap();
    let hostile = "<img src=x onerror=alert(1)>";
    log.hold(vec![entry("project.created", 0).target(Target::project(hostile)).build()]).await;
    shows(&browser, &[hostile, "new", "old"]).await;
}

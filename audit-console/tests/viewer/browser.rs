//! The pages in a browser.

use std::time::Duration;

use audit_core::{Actor, Outcome, Target};
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

/// The query that the page's address asks, once it asks about both ends of a time.
async fn asks_about_a_time(browser: &Browser) -> String {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let url = browser.current_url().await.unwrap();
        let query = url.query_pairs().find(|(name, _)| name == "q").map(|(_, query)| query.into_owned());
        match query {
            Some(query) if query.contains("created:>=") && query.contains("created:<") => return query,
            _ => assert!(tokio::time::Instant::now() < deadline, "{url}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_drag_over_the_histogram_asks_about_the_time_that_it_passes() {
    let (_log, site) = two().await;
    let browser = Browser::start(Scripts::Run).await;
    browser.goto(address(&site, "/entries?q=target_type:project")).await.unwrap();
    let bars = browser.find_all(By::Css("#bars .hit")).await.unwrap();
    // From the second bar to the last: what is in the first is not asked for.
    let drag = browser.action_chain().move_to_element_center(&bars[1]).click_and_hold();
    drag.move_to_element_center(bars.last().unwrap()).release().perform().await.unwrap();
    let query = asks_about_a_time(&browser).await;
    assert!(query.starts_with("target_type:project created:>="), "{query}");
    shows(&browser, &["new"]).await;
    // Another drag takes the place of the first.
    browser.goto(address(&site, "/entries?q=created:%3E%3D7d")).await.unwrap();
    let bars = browser.find_all(By::Css("#bars .hit")).await.unwrap();
    let drag = browser.action_chain().move_to_element_center(&bars[bars.len() - 2]).click_and_hold();
    drag.move_to_element_center(&bars[0]).release().perform().await.unwrap();
    let query = asks_about_a_time(&browser).await;
    assert_eq!(query.matches("created:").count(), 2, "{query}");
    shows(&browser, &["old"]).await;
}

#[tokio::test]
async fn arrows_do_what_a_drag_does() {
    let (_log, site) = two().await;
    let browser = Browser::start(Scripts::Run).await;
    browser.goto(address(&site, "/entries")).await.unwrap();
    let bars = browser.find_all(By::Css("#bars a")).await.unwrap();
    let reached = browser.find_all(By::Css("#bars a[tabindex='0']")).await.unwrap();
    assert_eq!(reached.len(), 1, "the histogram is one stop for the tab key");
    bars.last().unwrap().focus().await.unwrap();
    let press = async |keys: TypingData| browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
    press(Key::Shift + Key::Left).await;
    press(Key::Enter + "").await;
    let query = asks_about_a_time(&browser).await;
    let since = bars_since(&site, bars.len() - 2).await;
    assert!(query.starts_with(&since), "{query}: {since}");
    shows(&browser, &["new"]).await;
}

/// The term for the beginning of a bar of the page of all entries.
async fn bars_since(site: &Site, bar: usize) -> String {
    let page = site.get("/entries").await;
    let since = page.body.split("data-since=\"").nth(bar + 1).unwrap().split_once('"').unwrap().0;
    since.replace("&#62;", ">")
}

#[tokio::test]
async fn a_live_tail_shows_what_is_recorded_without_loading_the_page() {
    let (log, site) = two().await;
    let browser = Browser::start(Scripts::Run).await;
    browser.goto(address(&site, "/entries")).await.unwrap();
    browser.find(By::Id("live")).await.unwrap().click().await.unwrap();
    let hostile = "<img src=x onerror=alert(1)>";
    log.hold(vec![entry("project.created", 0).target(Target::project(hostile)).build()]).await;
    log.seal(None).await;
    shows(&browser, &[hostile, "new", "old"]).await;
}

#[tokio::test]
async fn e_exports_what_is_shown() {
    let (_log, site) = two().await;
    let browser = Browser::start(Scripts::Run).await;
    let folder = tempfile::tempdir().unwrap();
    browser.downloads_to(folder.path()).await;
    browser.goto(address(&site, "/entries?q=outcome:denied")).await.unwrap();
    browser.active_element().await.unwrap().send_keys("e").await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let file = loop {
        let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
        // Until it is whole, a file has another name.
        if let Some(file) = files.into_iter().find(|file| file.extension().is_some_and(|name| name == "csv")) {
            break std::fs::read_to_string(file).unwrap();
        }
        assert!(tokio::time::Instant::now() < deadline, "nothing was downloaded");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let lines: Vec<_> = file.lines().collect();
    assert!(lines.len() == 2 && lines[1].contains(",project,new,denied,"), "{file}");
}

#[tokio::test]
async fn what_is_asked_is_copied_as_the_command_that_asks_it() {
    let (log, site) = two().await;
    let browser = Browser::start(Scripts::Run).await;
    browser.lets_copy().await;
    browser.goto(address(&site, "/entries?q=outcome:denied+target:project/new")).await.unwrap();
    browser.find(By::Css(".tools button.copy")).await.unwrap().click().await.unwrap();
    browser.query(By::XPath("//button[text()='Copied']")).first().await.unwrap();
    let copied = browser.clipboard().await;
    assert_eq!(copied, "audit query 'outcome:denied target:project/new'");
    // A shell takes it as it is.
    let command = copied.replacen("audit", env!("CARGO_BIN_EXE_audit"), 1) + " --format jsonl";
    let ran =
        std::process::Command::new("sh").args(["-c", &command]).env("DATABASE_URL", &log.reader).output().unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    assert_eq!((out.lines().count(), out.contains("\"new\"")), (1, true), "{out}");

    browser.find(By::Css("#entries a")).await.unwrap().click().await.unwrap();
    browser.query(By::Css(".copied button.copy")).first().await.unwrap().click().await.unwrap();
    browser.query(By::XPath("//button[text()='Copied']")).first().await.unwrap();
    let id = browser.current_url().await.unwrap().path().trim_start_matches("/entries/").to_owned();
    assert_eq!(browser.clipboard().await, format!("audit show {id}"));
}

#[tokio::test]
async fn pages_turn_both_ways_while_entries_arrive() {
    let log = Log::sqlite().await;
    let numbered =
        |number: u64| entry("project.created", 1_000 - number).target(Target::project(format!("p{number:03}"))).build();
    let shows = async |browser: &Browser, numbers: std::ops::Range<u64>| {
        let targets: Vec<_> = numbers.rev().map(|number| format!("p{number:03}")).collect();
        shows(browser, &targets.iter().map(String::as_str).collect::<Vec<_>>()).await;
    };
    log.hold((0..70).map(numbered).collect()).await;
    let site = log.site().await;
    let browser = Browser::start(Scripts::Run).await;
    let turn = async |link| browser.query(By::LinkText(link)).first().await.unwrap().click().await.unwrap();
    browser.goto(address(&site, "/entries?q=action:project.created")).await.unwrap();
    shows(&browser, 20..70).await;
    log.hold((70..75).map(numbered).collect()).await;
    turn("older ›").await;
    shows(&browser, 0..20).await;
    turn("‹ newer").await;
    shows(&browser, 20..70).await;
    turn("« latest").await;
    shows(&browser, 25..75).await;
}

#[tokio::test]
async fn an_entry_shows_what_changed_field_by_field() {
    let log = Log::sqlite().await;
    let changes = serde_json::json!({ "name": { "from": "Mine", "to": "Ours" }, "seats": { "from": null, "to": 5 } });
    log.hold(vec![entry("project.updated", 5).metadata("changes", &changes).build()]).await;
    let site = log.site().await;
    let browser = Browser::start(Scripts::Run).await;
    browser.goto(address(&site, "/entries")).await.unwrap();
    browser.find(By::Css("#entries a")).await.unwrap().click().await.unwrap();
    browser.query(By::Css(".members")).first().await.unwrap();
    let texts = async |which| {
        let mut texts = Vec::new();
        for element in browser.find_all(By::Css(which)).await.unwrap() {
            texts.push(element.text().await.unwrap());
        }
        texts
    };
    let rows = ["_audit.unlisted true", "changes.name Mine Ours", "changes.seats nothing 5"];
    assert_eq!(texts(".members tbody tr").await, rows);
    assert_eq!(
        (texts(".from del").await, texts(".to ins").await),
        (vec!["Mine".into()], vec!["Ours".into(), "5".into()])
    );
}

#[tokio::test]
async fn what_the_log_holds_runs_nothing_and_turns_nothing_round() {
    let log = Log::sqlite().await;
    let hostile = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\u{202e}dne";
    let shown = entry("project.updated", 1)
        .target(Target::project(hostile))
        .actor(Actor::user(hostile))
        .metadata(hostile, hostile)
        .metadata("large", &format!("{hostile}{}", "<b>".repeat(20_000)))
        .failure(hostile)
        .build();
    let page = format!("/entries/{}", shown.id());
    log.hold(vec![shown]).await;
    let site = log.site().await;
    let browser = Browser::start(Scripts::Run).await;
    for path in ["/entries", &page] {
        browser.goto(address(&site, path)).await.unwrap();
        let body = browser.find(By::Tag("body")).await.unwrap().text().await.unwrap();
        assert!(body.contains("<script>document.title") && body.contains("\\u{202e}dne"), "{path}: {body:.500}");
        assert!(!body.contains('\u{202e}'), "{path}");
        assert!(browser.title().await.unwrap().ends_with("Audit log"), "{path}");
        let foreign = "return document.querySelectorAll('script:not([src]), img, b b').length";
        assert_eq!(browser.execute(foreign, vec![]).await.unwrap().json(), &serde_json::json!(0), "{path}");
    }
}

#[tokio::test]
async fn the_last_word_of_a_query_is_completed() {
    let (_log, site) = two().await;
    let browser = Browser::start(Scripts::Run).await;
    browser.goto(address(&site, "/entries")).await.unwrap();
    browser.find(By::Id("q")).await.unwrap().send_keys("outcome:denied act").await.unwrap();
    let offers = "return [...document.querySelectorAll('#offers option')].map((offer) => offer.value)";
    let offers: Vec<String> = browser.execute(offers, vec![]).await.unwrap().convert().unwrap();
    for offer in ["outcome:denied action:project.deleted", "outcome:denied actor:user/user_123", "outcome:denied ip:"] {
        assert!(offers.iter().any(|other| other == offer), "{offer}: {offers:?}");
    }
}

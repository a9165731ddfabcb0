//! The pages within an application of somebody else's.

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::IntoResponse as _;

use crate::support::{Log, Site, entry};

#[tokio::test]
async fn every_link_leads_somewhere_under_any_prefix() {
    let log = Log::sqlite().await;
    log.hold(vec![entry("project.created", 1).build()]).await;
    for prefix in ["/audit", "/admin/logs/audit"] {
        let site = Site::serve(Router::new().nest(prefix, log.router().await)).await;
        let start = site.get(prefix).await.is(303);
        // Relative to the folder that the prefix is in.
        let folder = prefix.rsplit_once('/').unwrap().0;
        assert_eq!(format!("{folder}/{}", start.header("location").unwrap()), format!("{prefix}/entries"));
        let page = site.get(&format!("{prefix}/entries")).await.is(200);
        let id = page.body.split_once("data-id=\"").unwrap().1.split_once('"').unwrap().0;
        let entry = site.get(&format!("{prefix}/entries/{id}")).await.is(200);
        for (page, folder) in [(&page, prefix.to_owned()), (&entry, format!("{prefix}/entries"))] {
            let addresses = page.body.split("href=\"").chain(page.body.split("src=\"")).skip(1);
            for address in addresses.filter_map(|rest| Some(rest.split_once('"')?.0)) {
                if address.starts_with(['#', '<']) {
                    continue;
                }
                let (mut folder, mut address) = (folder.as_str(), address);
                while let Some(rest) = address.strip_prefix("../") {
                    (folder, address) = (folder.rsplit_once('/').unwrap().0, rest);
                }
                site.get(&format!("{folder}/{address}")).await.is(200);
            }
        }
    }
}

#[tokio::test]
async fn the_applications_own_authentication_guards_every_page() {
    let log = Log::sqlite().await;
    let guard =
        from_fn(async |_: axum::extract::Request, _: axum::middleware::Next| StatusCode::FORBIDDEN.into_response());
    let site = Site::serve(Router::new().nest("/audit", log.router().await.layer(guard))).await;
    for path in ["/audit", "/audit/entries", "/audit/export.csv", "/audit/live"] {
        site.get(path).await.is(403);
    }
}

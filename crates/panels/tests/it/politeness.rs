use async_trait::async_trait;
use chrono::{DateTime, Utc};
use common::seams::{Bucket, BudgetUnavailable, PanelApi, Permit, RateHeaders, RequestBudget};
use common::types::panel::{Lookup, ServerIncludes};
use panels::{CfAccess, PanelError, PanelSettings, Pterodactyl};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::setup::{ALL, all_servers, client, client_with, log, page, panel, settings};
use crate::stage::{Reply, Stage};

const NO_LOCATIONS: &str = r#"{"object":"list","data":[],"meta":{"pagination":
    {"total":0,"count":0,"per_page":500,"current_page":1,"total_pages":1,"links":{}}}}"#;

#[tokio::test]
async fn exactly_the_headers_that_a_panel_needs_are_sent() {
    let stage = Stage::play(|_, _| Reply::json(200, NO_LOCATIONS)).await;
    let panel = client_with(PanelSettings {
        cf_access: Some(CfAccess {
            id: "id.access".to_owned().into(),
            secret: "access-secret".to_owned().into(),
        }),
        ..settings(&stage.url, "ptla_key", None)
    });
    panel.locations(page(1, 500)).await.unwrap();
    let seen = &stage.seen()[0];
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.header("authorization"), Some("Bearer ptla_key"));
    assert_eq!(seen.header("cf-access-client-id"), Some("id.access"));
    assert_eq!(
        seen.header("cf-access-client-secret"),
        Some("access-secret")
    );
}

#[tokio::test]
async fn without_a_service_token_no_header_of_cloudflare_is_sent() {
    let stage = Stage::play(|_, _| Reply::json(200, NO_LOCATIONS)).await;
    let panel = client(&stage.url);
    panel.locations(page(1, 500)).await.unwrap();
    let seen = &stage.seen()[0];
    assert!(
        seen.headers
            .iter()
            .all(|(name, _)| !name.starts_with("cf-"))
    );
}

#[tokio::test]
async fn addresses_are_built_from_numbers_under_the_panels_own_path() {
    let stage = Stage::play(|_, _| Reply::error(404, "NotFoundHttpException", "gone")).await;
    let panel = client(&format!("{}/panel/", stage.url));
    panel.server(14, ALL).await.unwrap();
    panel.nest(2).await.unwrap();
    panel.database(6, 1).await.unwrap();
    panel.allocation(3, "2001:db8::1", 25565).await.unwrap();
    let asked: Vec<_> = stage.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        asked,
        [
            "/panel/api/application/servers/14?include=allocations%2Cvariables%2Csubusers%2Cdatabases.host",
            "/panel/api/application/nests/2?include=eggs.variables",
            "/panel/api/application/servers/6/databases/1?include=host",
            "/panel/api/application/nodes/3/allocations?filter%5Bip%5D=2001%3Adb8%3A%3A1&filter%5Bport%5D=25565",
        ]
    );
}

#[tokio::test]
async fn lists_are_sorted_where_the_panel_allows_it() {
    let stage = Stage::play(|_, _| Reply::json(200, NO_LOCATIONS)).await;
    let panel = client(&stage.url);
    panel.locations(page(1, 500)).await.unwrap();
    panel.nodes(page(1, 500)).await.unwrap();
    panel.users(page(1, 500)).await.unwrap();
    panel
        .servers(page(1, 500), ServerIncludes::default())
        .await
        .unwrap();
    panel.allocations(3, page(1, 500)).await.unwrap();
    panel.nests(page(1, 500)).await.unwrap();
    let asked: Vec<_> = stage.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        asked,
        [
            "/api/application/locations?sort=id&per_page=500&page=1",
            "/api/application/nodes?sort=id&per_page=500&page=1",
            "/api/application/users?sort=id&per_page=500&page=1",
            "/api/application/servers?sort=id&per_page=500&page=1",
            "/api/application/nodes/3/allocations?per_page=500&page=1",
            "/api/application/nests?include=eggs.variables&per_page=500&page=1",
        ]
    );
}

/// The panel's own links forget the page's size, the sort and the relations, and
/// name whatever host the request did.
#[tokio::test]
async fn pages_are_asked_for_by_number_whatever_the_panels_links_say() {
    let elsewhere = Stage::play(|_, _| Reply::json(200, NO_LOCATIONS)).await;
    let body = serde_json::json!({"object": "list", "data": [{"object": "location",
        "attributes": {"id": 2, "short": "x", "long": null}}], "meta": {"pagination":
        {"total": 3, "count": 1, "per_page": 1, "current_page": 2, "total_pages": 3, "links":
        {"next": format!("{}/api/application/locations?page=3", elsewhere.url),
         "previous": format!("{}/api/application/locations?page=1", elsewhere.url)}}}});
    let stage = Stage::play(move |_, _| Reply::json(200, body.to_string())).await;
    let chunk = client(&stage.url).locations(page(2, 1)).await.unwrap();
    assert_eq!((chunk.rows.len(), chunk.total), (1, 3));
    let asked: Vec<_> = stage.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        asked,
        ["/api/application/locations?sort=id&per_page=1&page=2"]
    );
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_page_past_the_end_is_empty_and_tells_the_total() {
    let (panel, client) = panel().await;
    let chunk = client.servers(page(9, 500), ALL).await.unwrap();
    let total = all_servers(&panel).len() as u64;
    assert_eq!((chunk.rows.len(), chunk.total), (0, total));
    assert!(chunk.total_constant);
    let asked = client.requests_made();
    for (number, size) in [(0, 500), (1, 0)] {
        // The panel would answer with page 1, or with 15 rows.
        let error = client.servers(page(number, size), ALL).await.unwrap_err();
        assert!(matches!(error, PanelError::InvalidRequest(_)), "{error}");
    }
    assert_eq!(client.requests_made(), asked);
}

#[tokio::test]
async fn an_answer_that_is_not_the_page_asked_for_or_not_a_list_is_not_believed() {
    let page_of = |object: &str, per_page: u32, current: u32| {
        format!(
            r#"{{"object":"{object}","data":[],"meta":{{"pagination":{{"total":0,"count":0,
            "per_page":{per_page},"current_page":{current},"total_pages":1,"links":{{}}}}}}}}"#
        )
    };
    for body in [
        page_of("collection", 500, 1),
        page_of("list", 1_000, 1),
        page_of("list", 500, 2),
    ] {
        let told = body.clone();
        let stage = Stage::play(move |_, _| Reply::json(200, told.clone())).await;
        let answer = client(&stage.url).locations(page(1, 500)).await;
        assert!(matches!(answer, Err(PanelError::Malformed(_))), "{body}");
    }
    let other = r#"{"object":"user","attributes":{"id":1,"short":"x","long":null}}"#;
    let stage = Stage::play(move |_, _| Reply::json(200, other)).await;
    let found = client(&stage.url).location(1).await.unwrap();
    assert!(matches!(found, Lookup::Unreadable(_)), "{found:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let stage = Stage::play(|_, _| Reply::json(302, "").header("Location", "/auth/login")).await;
    let error = client(&stage.url)
        .locations(page(1, 500))
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        PanelError::Unauthorized { status: 302, .. }
    ));
    assert_eq!(stage.seen().len(), 1);
}

/// Grants everything and remembers what it was told.
#[derive(Default)]
struct Ledger {
    taken: Mutex<Vec<PanelApi>>,
    learned: Mutex<Vec<RateHeaders>>,
    blocks: Mutex<Vec<DateTime<Utc>>>,
}

#[async_trait]
impl RequestBudget for Ledger {
    async fn take(&self, bucket: Bucket) -> Result<Permit, BudgetUnavailable> {
        self.taken.lock().unwrap().push(bucket.api);
        Ok(Permit::Granted)
    }

    async fn learn(&self, _: Bucket, headers: RateHeaders) -> Result<(), BudgetUnavailable> {
        self.learned.lock().unwrap().push(headers);
        Ok(())
    }

    async fn block(&self, _: Bucket, until: DateTime<Utc>) -> Result<(), BudgetUnavailable> {
        self.blocks.lock().unwrap().push(until);
        Ok(())
    }
}

#[tokio::test]
async fn every_request_is_taken_from_its_bucket_and_every_answer_learned_from() {
    let stage = Stage::play(|_, _| {
        Reply::error(404, "NotFoundHttpException", "gone")
            .header("X-RateLimit-Limit", "60")
            .header("X-RateLimit-Remaining", "41")
    })
    .await;
    let ledger = Arc::new(Ledger::default());
    let settings = settings(&stage.url, "a", Some("c"));
    let panel = Pterodactyl::new(settings, ledger.clone(), log()).unwrap();
    assert_eq!(panel.location(1).await.unwrap(), Lookup::Gone);
    panel.server_resources(uuid::Uuid::nil()).await.unwrap_err();
    let heard = RateHeaders {
        limit: 60,
        remaining: 41,
    };
    assert_eq!(*ledger.learned.lock().unwrap(), [heard, heard]);
    assert_eq!(
        *ledger.taken.lock().unwrap(),
        [PanelApi::Application, PanelApi::Client]
    );
    assert_eq!(panel.requests_made(), 2);
}

#[tokio::test]
async fn a_429_blocks_the_bucket_and_the_request_is_made_again() {
    let stage = Stage::play(|number, _| match number {
        0 => Reply::error(429, "ThrottleRequestsException", "Too Many Attempts.")
            .header("Retry-After", "18"),
        1 => Reply::error(429, "ThrottleRequestsException", "Too Many Attempts."),
        _ => Reply::json(200, NO_LOCATIONS),
    })
    .await;
    let ledger = Arc::new(Ledger::default());
    let panel = Pterodactyl::new(settings(&stage.url, "a", None), ledger.clone(), log()).unwrap();
    let before = Utc::now();
    let chunk = panel.locations(page(1, 500)).await.unwrap();
    assert_eq!(chunk.requests, 3);
    let blocks = ledger.blocks.lock().unwrap().clone();
    let seconds = |until: DateTime<Utc>| (until - before).num_seconds();
    assert!((18..=25).contains(&seconds(blocks[0])), "{blocks:?}");
    assert!((60..=67).contains(&seconds(blocks[1])), "{blocks:?}");
}

/// A ledger that keeps the order in which it was told things.
#[derive(Default)]
struct Diary(Mutex<Vec<&'static str>>);

#[async_trait]
impl RequestBudget for Diary {
    async fn take(&self, _: Bucket) -> Result<Permit, BudgetUnavailable> {
        self.0.lock().unwrap().push("take");
        Ok(Permit::Granted)
    }

    async fn learn(&self, _: Bucket, _: RateHeaders) -> Result<(), BudgetUnavailable> {
        self.0.lock().unwrap().push("learn");
        Ok(())
    }

    async fn block(&self, _: Bucket, _: DateTime<Utc>) -> Result<(), BudgetUnavailable> {
        self.0.lock().unwrap().push("block");
        Ok(())
    }
}

#[tokio::test]
async fn a_429_says_how_long_to_wait_before_it_says_that_nothing_is_left() {
    let stage = Stage::play(|number, _| match number {
        0 => Reply::error(429, "ThrottleRequestsException", "Too Many Attempts.")
            .header("Retry-After", "2")
            .header("X-RateLimit-Limit", "240")
            .header("X-RateLimit-Remaining", "0"),
        _ => Reply::json(200, NO_LOCATIONS),
    })
    .await;
    let diary = Arc::new(Diary::default());
    let panel = Pterodactyl::new(settings(&stage.url, "a", None), diary.clone(), log()).unwrap();
    panel.locations(page(1, 500)).await.unwrap();
    assert_eq!(*diary.0.lock().unwrap(), ["take", "block", "learn", "take"]);
}

/// Says what it is told to say, and learns nothing.
struct Fixed(Result<Permit, BudgetUnavailable>);

#[async_trait]
impl RequestBudget for Fixed {
    async fn take(&self, _: Bucket) -> Result<Permit, BudgetUnavailable> {
        self.0.clone()
    }

    async fn learn(&self, _: Bucket, _: RateHeaders) -> Result<(), BudgetUnavailable> {
        Err(BudgetUnavailable("away".into()))
    }

    async fn block(&self, _: Bucket, _: DateTime<Utc>) -> Result<(), BudgetUnavailable> {
        Ok(())
    }
}

#[tokio::test]
async fn without_a_budget_nothing_is_sent() {
    let stage = Stage::play(|_, _| Reply::json(200, NO_LOCATIONS)).await;
    let budget = Arc::new(Fixed(Err(BudgetUnavailable("away".into()))));
    let panel = Pterodactyl::new(settings(&stage.url, "a", None), budget, log()).unwrap();
    let error = panel.locations(page(1, 500)).await.unwrap_err();
    assert!(matches!(error, PanelError::Offline { .. }) && error.is_transient());
    assert!(stage.seen().is_empty());
}

#[tokio::test]
async fn what_cannot_be_learned_does_not_cost_the_answer() {
    let stage = Stage::play(|_, _| {
        Reply::json(200, NO_LOCATIONS)
            .header("X-RateLimit-Limit", "60")
            .header("X-RateLimit-Remaining", "41")
    })
    .await;
    let budget = Arc::new(Fixed(Ok(Permit::Granted)));
    let panel = Pterodactyl::new(settings(&stage.url, "a", None), budget, log()).unwrap();
    assert_eq!(panel.locations(page(1, 500)).await.unwrap().requests, 1);
}

#[tokio::test]
async fn live_use_does_not_wait_long_for_the_budget() {
    let wait = Duration::from_secs(40);
    let budget = Arc::new(Fixed(Ok(Permit::Wait(wait))));
    let settings = settings("http://127.0.0.1:9", "a", Some("c"));
    let panel = Pterodactyl::new(settings, budget, log()).unwrap();
    let error = panel.server_resources(uuid::Uuid::nil()).await.unwrap_err();
    assert!(matches!(error, PanelError::RateLimited { retry_after } if retry_after == wait));
}

#[test]
fn settings_that_cannot_work_are_refused_and_never_printed() {
    for url in [
        "ftp://panel.test",
        "http://user:pass@panel.test",
        "http://panel.test/?key=1",
        "data:text/plain,x",
    ] {
        let error = refused(settings(url, "key", None));
        assert!(matches!(error, PanelError::InvalidSettings(_)), "{url}");
    }
    let error = refused(settings("http://panel.test", "planted\nkey", None));
    assert!(!format!("{error} {error:?}").contains("planted"));
    let printed = format!(
        "{:?}",
        settings("http://panel.test", "planted", Some("planted"))
    );
    assert!(!printed.contains("planted"));
}

fn refused(settings: PanelSettings) -> PanelError {
    Pterodactyl::new(settings, crate::setup::budget(), log())
        .err()
        .unwrap()
}

//! Clients of panels, as settings and configuration describe them.

use crate::stage::{PATIENCE, Stage};
use cache::Cache;
use common::types::id::PanelId;
use common::types::panel::Lookup;
use panels::{PanelError, RetryPolicy};
use reach::settings::Settings;
use reach::{Manner, Panels};
use runtime::config::{Config, Sources};
use std::sync::Arc;
use std::time::Duration;
use testkit::simulators::panel::{Options, Panel, RateLimits, State};
use testkit::{test_logger, wait_for};

struct World {
    stage: Stage,
    panel: Panel,
    panels: Panels,
    id: PanelId,
}

impl World {
    async fn new(more: &[(&str, &str)]) -> Self {
        let stage = Stage::new().await;
        let panel = Panel::start(State::small(), Options::default())
            .await
            .unwrap();
        let url = panel.url();
        let variables = [
            ("DATABASE_URL", "postgres://nobody@localhost/none"),
            ("PTERODACTYL_URL", url.as_str()),
            ("PTERODACTYL_API_KEY", panel.application_key()),
            ("PTERODACTYL_CLIENT_API_KEY", panel.client_key()),
        ];
        let variables = variables.iter().chain(more).copied();
        let config = Arc::new(Config::load(&Sources::of_variables(variables)).unwrap());
        let settings = Settings::new(stage.store.clone(), Arc::clone(&config)).unwrap();
        let id = settings.default_panel().await.unwrap().panel_id();
        let manner = Manner {
            request_timeout: Duration::from_secs(20),
            retry: RetryPolicy {
                first: Duration::from_millis(1),
                ..RetryPolicy::default()
            },
            sharers: 1,
        };
        // Nobody listens there.
        let cache = cache::Settings::new("redis://127.0.0.1:1/0".to_owned().into());
        let panels = Panels::new(
            &config,
            manner,
            Arc::new(settings),
            &stage.store,
            &Cache::connect(&cache).unwrap(),
            &test_logger(),
        );
        Self {
            stage,
            panel,
            panels,
            id,
        }
    }
}

#[tokio::test]
async fn those_who_share_a_limit_without_redis_are_counted() {
    let world = World::new(&[("PANEL_CLIENT_LIMIT_PER_MINUTE", "40")]).await;
    // What the panel says of its limit is what is shared.
    let limits = RateLimits {
        client: 40,
        ..Default::default()
    };
    world.panel.set_limits(limits);
    world.panels.set_sharers(40);
    let client = world.panels.client(world.id).await.unwrap();
    let running = world.panel.state(|state| {
        let mut servers = state.servers.values();
        servers.find(|server| server.status.is_none()).unwrap().uuid
    });
    client.server_detail(running).await.unwrap();
    let refused = client.server_detail(running).await.unwrap_err();
    assert!(
        matches!(refused, PanelError::RateLimited { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn a_panel_behind_cloudflare_access_is_shown_the_service_token() {
    let token = [
        ("CF_ACCESS_CLIENT_ID", "id.access"),
        ("CF_ACCESS_CLIENT_SECRET", "the-secret"),
    ];
    let world = World::new(&token).await;
    world
        .panel
        .access(|access| access.guard("id.access", "the-secret"));
    let client = world.panels.client(world.id).await.unwrap();
    assert!(matches!(client.location(1).await, Ok(Lookup::Found(_))));
    world
        .panel
        .access(|access| access.guard("id.access", "another-secret"));
    let refused = client.location(1).await.unwrap_err();
    assert!(
        matches!(refused, PanelError::Unauthorized { status: 302, .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn a_client_serves_until_a_setting_changes() {
    let world = World::new(&[("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8")]).await;
    let client = world.panels.client(world.id).await.unwrap();
    client.location(1).await.unwrap();
    let same = world.panels.client(world.id).await.unwrap();
    assert_eq!(same.requests_made(), 1, "its connections and breaker stay");
    world
        .stage
        .store
        .setting_save("cf_access_client_secret", "secret", "plain", "test")
        .await
        .unwrap();
    for (key, value) in [
        ("pterodactyl_api_key", "ptla_other"),
        ("pterodactyl_client_api_key", "ptlc_other"),
        ("cf_access_client_id", "id.access"),
        ("pterodactyl_url", "http://127.0.0.1:9"),
    ] {
        let before = world.panels.client(world.id).await.unwrap();
        // Whatever the answer is: the request is counted.
        let _ = before.location(1).await;
        world
            .stage
            .store
            .setting_save(key, value, "plain", "test")
            .await
            .unwrap();
        wait_for("another client", PATIENCE, async || {
            let made = world.panels.client(world.id).await.unwrap().requests_made();
            (made == 0)
                .then_some(())
                .ok_or_else(|| format!("{key}: {made}"))
        })
        .await;
    }
}

#[tokio::test]
async fn an_administrators_address_leads_to_no_network_of_ours_that_is_not_opened() {
    for (opened, is_reached) in [("10.0.0.0/8", false), ("127.0.0.0/8,::1/128", true)] {
        let world = World::new(&[("OUTBOUND_ALLOWED_NETWORKS", opened)]).await;
        world.panels.client(world.id).await.unwrap();
        let port = world.panel.address().port();
        let settings = [
            ("pterodactyl_url", format!("http://localhost:{port}")),
            (
                "pterodactyl_api_key",
                world.panel.application_key().to_owned(),
            ),
        ];
        for (key, value) in settings {
            let saved = world.stage.store.setting_save(key, &value, "plain", "test");
            saved.await.unwrap();
        }
        // A name is judged when it is dialled.
        let answer = wait_for("the stored address", PATIENCE, async || {
            let client = world.panels.client(world.id).await.unwrap();
            world.panel.clear_requests();
            let answer = client.location(1).await;
            let was_asked = !world.panel.requests().is_empty();
            (was_asked == is_reached).then_some(answer).ok_or(was_asked)
        })
        .await;
        match answer {
            Ok(found) => assert!(is_reached && matches!(found, Lookup::Found(_))),
            Err(error) => assert!(matches!(error, PanelError::Offline { .. }), "{error}"),
        }

        // An address before anything is asked.
        let literal = format!("http://127.0.0.2:{port}");
        let saved = world
            .stage
            .store
            .setting_save("pterodactyl_url", &literal, "plain", "test");
        saved.await.unwrap();
        wait_for("the stored address", PATIENCE, async || {
            let made = world.panels.client(world.id).await;
            (made.is_ok() == is_reached).then_some(())
        })
        .await;
    }
}

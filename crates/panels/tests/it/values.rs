//! What a panel's JSON says, value by value: the documents of the corpus, in which
//! null, empty and absent stand side by side.

use chrono::{DateTime, Utc};
use common::types::panel::Included;
use panels::Pterodactyl;

use crate::setup::{ALL, client, page};
use crate::stage::{Reply, Stage};

async fn shown(body: &str) -> Pterodactyl {
    let body = body.to_owned();
    let stage = Stage::play(move |_, _| Reply::json(200, body.clone())).await;
    client(&stage.url)
}

fn at(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse().unwrap())
}

#[tokio::test]
async fn a_server_is_read_value_by_value() {
    let panel = shown(include_str!("../../corpus/servers.json")).await;
    let rows = panel.servers(page(1, 500), ALL).await.unwrap().rows;
    let (one, other) = (&rows[0], &rows[1]);
    assert_eq!(
        (one.external_id.as_deref(), other.external_id.as_deref()),
        (Some("4"), None)
    );
    assert_eq!(one.name, "Quiet \u{2603} valley");
    assert_eq!(
        (one.description.as_str(), other.description.as_str()),
        ("", "two\r\nlines")
    );
    assert_eq!(
        (one.status.as_deref(), other.status.as_deref()),
        (None, Some("suspended"))
    );
    assert_eq!((one.suspended, other.suspended), (false, true));
    assert_eq!((one.memory, one.swap, one.disk), (2048, -1, 0));
    assert_eq!((other.memory, other.swap, other.disk), (0, 0, 10_240));
    assert_eq!((one.io, one.cpu, other.cpu), (500, 150, 0));
    assert_eq!(
        (one.threads.as_deref(), other.threads.as_deref()),
        (Some("0-1,3"), None)
    );
    assert_eq!((one.oom_disabled, other.oom_disabled), (false, true));
    assert_eq!((one.database_limit, other.database_limit), (None, Some(1)));
    assert_eq!(
        (one.allocation_limit, other.allocation_limit),
        (Some(2), None)
    );
    assert_eq!((one.backup_limit, other.backup_limit), (0, 3));
    assert_eq!(
        (one.user, one.node, one.allocation, one.nest, one.egg),
        (9, 2, Some(31), 1, 4)
    );
    assert_eq!(one.startup_command, "./run --port {{SERVER_PORT}}");
    assert_eq!(one.image, "~registry.test/yolk:1");
    assert!(one.installed);
    // The panel writes the younger time first.
    assert_eq!(one.created_at, at("2024-04-01T08:00:00Z"));
    assert_eq!(one.updated_at, at("2024-05-01T10:00:00Z"));
}

#[tokio::test]
async fn what_may_not_be_read_is_no_empty_list() {
    let panel = shown(include_str!("../../corpus/servers.json")).await;
    let rows = panel.servers(page(1, 500), ALL).await.unwrap().rows;
    let (one, other) = (&rows[0], &rows[1]);
    assert_eq!(one.allocations, Included::Listed(vec![32, 31]));
    assert_eq!(other.allocations, Included::Forbidden);
    assert_eq!(other.subusers, Included::Forbidden);
    assert_eq!(other.variables, Included::Listed(Vec::new()));
    assert_eq!(other.databases, Included::Listed(Vec::new()));

    let variables = one.variables.listed().unwrap();
    let values: Vec<_> = variables
        .iter()
        .map(|it| (it.egg_variable, it.server_value.as_deref()))
        .collect();
    assert_eq!(values, [(70, None), (71, Some(""))]);
    let subuser = &one.subusers.listed().unwrap()[0];
    assert_eq!((subuser.id, subuser.user, subuser.server), (5, 11, 3));
    assert!(subuser.permissions.is_empty());
    assert_eq!(subuser.created_at, at("2024-05-02T00:00:00Z"));
}

#[tokio::test]
async fn what_is_missing_is_not_taken_for_null() {
    let corpus = include_str!("../../corpus/servers.json");
    for missing in [r#","server_value":null"#, r#""external_id":"4","#] {
        let panel = shown(&corpus.replacen(missing, "", 1)).await;
        let chunk = panel.servers(page(1, 500), ALL).await.unwrap();
        assert_eq!((chunk.rows.len(), chunk.bad.len()), (1, 1), "{missing}");
        assert_eq!(chunk.bad[0].id, Some(3));
        assert!(chunk.bad[0].reason.contains("missing field"));
    }
}

#[tokio::test]
async fn a_relation_that_was_asked_for_and_did_not_come_is_no_empty_list() {
    let corpus = include_str!("../../corpus/servers.json");
    let ignored = corpus.replacen(
        r#""subusers":{"object":"list""#,
        r#""x":{"object":"list""#,
        1,
    );
    let panel = shown(&ignored).await;
    let chunk = panel.servers(page(1, 500), ALL).await.unwrap();
    assert_eq!((chunk.rows.len(), chunk.bad.len()), (1, 1));
    assert!(chunk.bad[0].reason.contains("subusers"));
}

#[tokio::test]
async fn a_database_is_dated_in_the_panels_own_time_zone() {
    let panel = shown(include_str!("../../corpus/servers.json")).await;
    let rows = panel.servers(page(1, 500), ALL).await.unwrap().rows;
    let database = &rows[0].databases.listed().unwrap()[0];
    assert_eq!((database.id, database.server, database.host), (8, 3, 1));
    assert_eq!(database.max_connections, Some(0));
    assert_eq!(database.created_at, at("2024-05-01T10:00:00Z"));
    let host = database.database_host.as_ref().unwrap();
    assert_eq!(
        (host.id, host.host.as_str(), host.port, host.node),
        (1, "db.test", 3306, None)
    );
}

#[tokio::test]
async fn nests_bring_their_eggs_and_variables() {
    let panel = shown(include_str!("../../corpus/nests.json")).await;
    let rows = panel.nests(page(1, 500)).await.unwrap().rows;
    assert_eq!(
        (
            rows[0].description.as_deref(),
            rows[1].description.as_deref()
        ),
        (None, Some(""))
    );
    assert!(rows[1].eggs.is_empty());
    let (one, other) = (&rows[0].eggs[0], &rows[0].eggs[1]);
    let images: Vec<_> = one.docker_images.iter().collect();
    assert_eq!(images.len(), 2);
    assert_eq!(images[1], (&"Two".to_owned(), &"yolk:2".to_owned()));
    assert!(other.docker_images.is_empty(), "PHP writes it as a list");
    assert_eq!((other.docker_image.as_str(), &other.startup), ("", &None));
    let variable = &one.variables[0];
    assert_eq!((variable.id, variable.egg), (70, 4));
    assert_eq!(
        (variable.user_viewable, variable.user_editable),
        (true, false)
    );
    // Another dialect of time than the egg's.
    assert_eq!(variable.created_at, one.created_at);
    assert_eq!(variable.created_at, at("2024-01-01T00:00:00Z"));
}

#[tokio::test]
async fn users_nodes_and_allocations_are_read_value_by_value() {
    let panel = shown(include_str!("../../corpus/users.json")).await;
    let rows = panel.users(page(1, 500)).await.unwrap().rows;
    let (one, other) = (&rows[0], &rows[1]);
    assert_eq!(
        (one.external_id.as_deref(), other.external_id.as_deref()),
        (Some("0007"), None)
    );
    assert_eq!(one.email, "Nine@Users.test");
    assert_eq!((&one.first_name, &one.last_name), (&None, &None));
    assert_eq!((one.two_factor, other.two_factor), (true, false));
    assert_eq!((one.root_admin, other.root_admin), (false, true));

    let panel = shown(include_str!("../../corpus/nodes.json")).await;
    let rows = panel.nodes(page(1, 500)).await.unwrap().rows;
    assert_eq!(
        (rows[0].memory_overallocate, rows[0].disk_overallocate),
        (-1, 0)
    );
    assert_eq!(
        (
            rows[0].maintenance_mode,
            rows[0].behind_proxy,
            rows[0].public
        ),
        (true, false, true)
    );
    assert_eq!(
        (rows[0].fqdn.as_str(), &rows[0].description),
        ("192.0.2.1", &None)
    );
    assert_eq!((rows[1].daemon_listen, rows[1].daemon_sftp), (8443, 2022));

    let panel = shown(include_str!("../../corpus/allocations.json")).await;
    let rows = panel.allocations(1, page(1, 2_000)).await.unwrap().rows;
    let (one, other) = (&rows[0], &rows[1]);
    assert_eq!(
        (one.alias.as_deref(), other.alias.as_deref()),
        (Some("play.test"), None)
    );
    assert_eq!(
        (one.notes.as_deref(), other.notes.as_deref()),
        (None, Some(""))
    );
    assert_eq!((other.ip.as_str(), other.port), ("2001:db8::7", 0));
    assert_eq!((one.assigned, other.assigned), (true, false));
}

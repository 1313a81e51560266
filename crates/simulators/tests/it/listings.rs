//! Pages, sorts, filters and relations of the Application API.

use simulators::panel::Panel;

use super::support::{get, ids, json, refusal, small, total};

async fn pages(panel: &Panel, path: &str, per_page: usize) -> Vec<u64> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let mut all = Vec::new();
    for page in 1.. {
        let list = json(
            panel,
            &format!("{path}{separator}per_page={per_page}&page={page}"),
        )
        .await;
        all.extend(ids(&list));
        if page >= list["meta"]["pagination"]["total_pages"].as_u64().unwrap() {
            return all;
        }
    }
    unreachable!("the last page ends the loop")
}

#[actix_web::test]
async fn pages_of_any_size_cover_the_same_rows() {
    let panel = small().await;
    let whole = pages(&panel, "servers?sort=id", 500).await;
    assert_eq!(whole, (1..=60).collect::<Vec<_>>());
    for per_page in [1, 7, 25, 60] {
        assert_eq!(
            pages(&panel, "servers?sort=id", per_page).await,
            whole,
            "{per_page} a page"
        );
    }
}

#[actix_web::test]
async fn page_sizes_are_read_as_php_reads_them_and_have_no_maximum() {
    let panel = small().await;
    for (asked, echoed, rows) in [
        ("", 50, 50),
        ("?per_page=", 50, 50),
        ("?per_page=0", 15, 15),
        ("?per_page=1e3", 1_000, 60),
        ("?per_page=10000", 10_000, 60),
    ] {
        let list = json(&panel, &format!("servers{asked}")).await;
        assert_eq!(list["meta"]["pagination"]["per_page"], echoed, "{asked}");
        assert_eq!(ids(&list).len(), rows, "{asked}");
    }
    for asked in ["abc", "-1"] {
        let answer = get(&panel, &format!("servers?per_page={asked}")).await;
        assert_eq!(answer.status(), 500, "{asked}");
    }
}

#[actix_web::test]
async fn what_is_no_page_is_the_first_and_past_the_end_there_is_nothing() {
    let panel = small().await;
    for asked in ["0", "-1", "abc", "1.5"] {
        let list = json(&panel, &format!("servers?per_page=20&page={asked}")).await;
        assert_eq!(list["meta"]["pagination"]["current_page"], 1, "{asked}");
        assert_eq!(ids(&list)[0], 1, "{asked}");
    }
    let list = json(&panel, "servers?per_page=20&page=9").await;
    assert_eq!(list["data"], serde_json::json!([]));
    let told = &list["meta"]["pagination"];
    let numbers = ["total", "count", "current_page", "total_pages"];
    assert_eq!(
        numbers.map(|name| told[name].as_u64().unwrap()),
        [60, 0, 9, 3]
    );
    assert!(told["links"]["previous"].is_string() && told["links"]["next"].is_null());
}

#[actix_web::test]
async fn an_empty_table_has_one_page_without_links() {
    let panel = small().await;
    panel.state(|state| state.remove_servers(60));
    let list = json(&panel, "servers").await;
    assert_eq!(list["object"], "list");
    let told = &list["meta"]["pagination"];
    let numbers = ["total", "count", "total_pages"].map(|name| told[name].as_u64().unwrap());
    assert_eq!(numbers, [0, 0, 1]);
    assert_eq!(told["links"], serde_json::json!({}));
}

#[actix_web::test]
async fn a_node_tells_what_is_allocated_and_neither_its_token_nor_where_it_is_kept() {
    let panel = small().await;
    let node = json(&panel, "nodes/1").await["attributes"].clone();
    for number in ["memory", "disk"] {
        assert!(node["allocated_resources"][number].is_u64(), "{node}");
        assert!(node[format!("{number}_overallocate")].is_i64(), "{node}");
    }
    for flag in ["public", "behind_proxy", "maintenance_mode"] {
        assert!(node[flag].is_boolean(), "{node}");
    }
    assert!(!node.to_string().contains("token"), "{node}");
    let maintained: Vec<u64> = panel.state(|state| {
        let nodes = state.nodes.values();
        let maintained = nodes.filter(|row| row.maintenance_mode);
        maintained.map(|row| u64::from(row.id)).collect()
    });
    assert_eq!(maintained, [5]);
}

#[actix_web::test]
async fn allocations_come_by_address_as_text_whatever_sort_is_asked_for() {
    let panel = small().await;
    let list = json(&panel, "nodes/4/allocations?per_page=2000&sort=id").await;
    let addresses: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["attributes"]["ip"])
        .collect();
    assert_eq!(addresses.len(), 60);
    assert_eq!(addresses[0], "10.0.4.8");
    assert_eq!(addresses[59], "2001:db8::4");
    let by_port = json(
        &panel,
        "nodes/4/allocations?filter[port]=25565&filter[ip]=2001:db8::4",
    )
    .await;
    assert_eq!(ids(&by_port), [211]);
}

#[actix_web::test]
async fn links_forget_everything_but_the_page() {
    let panel = small().await;
    let list = json(&panel, "servers?per_page=20&page=2&sort=-id&include=egg").await;
    let links = &list["meta"]["pagination"]["links"];
    assert_eq!(
        links["next"],
        format!("{}/api/application/servers?page=3", panel.url())
    );
    assert_eq!(
        links["previous"],
        format!("{}/api/application/servers?page=1", panel.url())
    );
}

#[actix_web::test]
async fn a_filter_is_a_substring_whatever_the_case_and_a_comma_means_or() {
    let panel = small().await;
    let all = json(&panel, "users?per_page=100&filter[email]=PLAYER").await;
    assert_eq!(total(&all), 14);
    let two = json(&panel, "users?filter[email]=player1@,user3@").await;
    assert_eq!(ids(&two), [1, 3]);
    assert_eq!(total(&json(&panel, "users?filter[email]=").await), 40);
}

#[actix_web::test]
async fn an_unknown_filter_or_sort_is_refused_with_the_allowed_ones() {
    let panel = small().await;
    let refused = refusal(get(&panel, "servers?filter[status]=suspended").await).await;
    assert_eq!(refused, (400, "InvalidFilterQuery".to_owned()));
    assert_eq!(
        refusal(get(&panel, "nodes?sort=name").await).await,
        (400, "InvalidSortQuery".to_owned())
    );
}

#[actix_web::test]
async fn an_id_is_its_leading_digits() {
    let panel = small().await;
    assert_eq!(json(&panel, "servers/14abc").await["attributes"]["id"], 14);
    assert_eq!(json(&panel, "users/5xyz").await["attributes"]["id"], 5);
    assert_eq!(total(&json(&panel, "nodes/1x/allocations").await), 60);
    assert_eq!(get(&panel, "servers/deadbeef").await.status(), 404);
}

#[actix_web::test]
async fn unset_and_explicitly_empty_values_stay_apart() {
    let panel = small().await;
    let (server, unset, empty) = panel.state(|state| {
        let server = state.servers.get(&1).unwrap();
        let variables = state
            .egg_variables
            .values()
            .filter(|row| row.egg_id == server.egg)
            .map(|row| row.id);
        let variables: Vec<_> = variables.collect();
        state.server_variables.remove(&(1, variables[0]));
        state
            .server_variables
            .insert((1, variables[1]), String::new());
        (1, variables[0], variables[1])
    });
    let server = json(&panel, &format!("servers/{server}?include=variables")).await;
    let variables = server["attributes"]["relationships"]["variables"]["data"]
        .as_array()
        .unwrap();
    let value = |id: u32| {
        variables
            .iter()
            .find(|row| row["attributes"]["id"] == id)
            .unwrap()["attributes"]
            .clone()
    };
    assert!(value(unset)["server_value"].is_null());
    assert_eq!(value(empty)["server_value"], "");
    let environment = &server["attributes"]["container"]["environment"];
    let name = |id| value(id)["env_variable"].as_str().unwrap().to_owned();
    assert_eq!(environment[name(unset)], value(unset)["default_value"]);
    assert_eq!(environment[name(empty)], "");
}

#[actix_web::test]
async fn databases_are_dated_in_the_panels_time_zone() {
    let panel = small().await;
    let server = panel.state(|state| {
        state.utc_offset_minutes = -300;
        state.databases.values().next().unwrap().server
    });
    let list = json(&panel, &format!("servers/{server}/databases?include=host")).await;
    let database = &list["data"][0]["attributes"];
    assert_eq!(database["created_at"], "2023-01-01T08:00:00-05:00");
    let host = &database["relationships"]["host"]["attributes"]["created_at"];
    assert!(host.as_str().unwrap().ends_with("-05:00"));
}

#[actix_web::test]
async fn a_head_request_has_the_headers_and_no_body() {
    let panel = small().await;
    let request =
        super::support::client().head(format!("{}/api/application/locations", panel.url()));
    let response = request
        .bearer_auth(panel.application_key())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("X-RateLimit-Remaining"));
    assert!(response.bytes().await.unwrap().is_empty());
}

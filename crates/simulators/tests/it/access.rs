//! Keys, permissions, and what somebody gets who has none.

use simulators::panel::{Resource, Scope};

use super::support::{client, get, get_with, json, refusal, small};

#[actix_web::test]
async fn a_missing_permission_refuses_the_listing_and_empties_the_relation() {
    let panel = small().await;
    panel.access(|access| access.withdraw(Resource::Allocations));
    let refused = refusal(get(&panel, "nodes/1/allocations").await).await;
    assert_eq!(refused, (403, "AccessDeniedHttpException".to_owned()));
    let server = json(&panel, "servers/1?include=allocations,variables").await;
    let related = &server["attributes"]["relationships"];
    assert_eq!(related["allocations"]["object"], "null_resource");
    assert_eq!(related["variables"]["object"], "list");
    panel.access(|access| access.grant(Resource::Allocations));
    assert_eq!(get(&panel, "nodes/1/allocations").await.status(), 200);
}

#[actix_web::test]
async fn an_expired_unknown_or_lower_cased_key_is_nobodys() {
    let panel = small().await;
    assert_eq!(
        get_with(&panel, "/api/application/nodes", "ptla_wrong")
            .await
            .status(),
        401
    );
    let key = panel.application_key().to_owned();
    let lower = client()
        .get(format!("{}/api/application/nodes", panel.url()))
        .header("Accept", "application/json");
    let lower = lower
        .header("Authorization", format!("bearer {key}"))
        .send()
        .await
        .unwrap();
    assert_eq!(lower.status(), 401);
    assert!(lower.headers().get("X-RateLimit-Limit").is_none());
    panel.access(|access| access.keys.get_mut(&key).unwrap().expired = true);
    assert_eq!(get(&panel, "nodes").await.status(), 401);
}

#[actix_web::test]
async fn a_browser_is_sent_to_the_login_page() {
    let panel = small().await;
    let response = client()
        .get(format!("{}/api/application/servers", panel.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(
        response.headers()["Location"],
        format!("{}/auth/login", panel.url())
    );
}

#[actix_web::test]
async fn a_root_admins_client_key_reads_the_application_and_no_other_client_key_does() {
    let panel = small().await;
    panel.access(|access| access.add_client_key("ptlc_user5", 5));
    let path = "/api/application/servers?per_page=1";
    assert_eq!(
        get_with(&panel, path, panel.client_key()).await.status(),
        200
    );
    let refused = refusal(get_with(&panel, path, "ptlc_user5").await).await;
    assert_eq!(refused, (403, "AccessDeniedHttpException".to_owned()));
    let refused = refusal(get_with(&panel, "/api/client", panel.application_key()).await).await;
    assert_eq!(refused, (403, "AccessDeniedHttpException".to_owned()));
}

#[actix_web::test]
async fn a_key_that_only_reads_still_gets_passwords_for_the_asking() {
    let panel = small().await;
    let server = panel.state(|state| state.databases.values().next().unwrap().server);
    panel.access(|access| {
        access.add_application_key("ptla_databases", 1);
        let scope = Scope::Application([Resource::ServerDatabases].into());
        access.keys.get_mut("ptla_databases").unwrap().scope = scope;
    });
    let path = format!("/api/application/servers/{server}/databases?include=password");
    let list: serde_json::Value = get_with(&panel, &path, "ptla_databases")
        .await
        .json()
        .await
        .unwrap();
    let password =
        &list["data"][0]["attributes"]["relationships"]["password"]["attributes"]["password"];
    assert!(
        password
            .as_str()
            .unwrap()
            .starts_with("planted-database-password")
    );
}

#[actix_web::test]
async fn behind_cloudflare_access_only_the_service_token_gets_an_answer() {
    let panel = small().await;
    panel.access(|access| access.guard("id.access", "secret"));
    let refused = get(&panel, "nodes").await;
    assert_eq!(refused.status(), 302);
    let location = refused.headers()["Location"].to_str().unwrap();
    assert!(location.contains("cloudflareaccess.com"), "{location}");
    for (secret, status) in [("secret", 200), ("another", 302)] {
        let request = client()
            .get(format!("{}/api/application/nodes", panel.url()))
            .header("Accept", "application/json")
            .header("CF-Access-Client-Id", "id.access")
            .header("CF-Access-Client-Secret", secret);
        let answer = request.bearer_auth(panel.application_key()).send().await;
        assert_eq!(answer.unwrap().status(), status, "{secret}");
    }
}

//! Who is let in.

use serde_json::json;
use simulators::resend::{Access, ApiKey};

use super::support::{KEY, ask, boundless, look, mail, name, posting, refused, send};
use crate::support::client;

#[actix_web::test]
async fn a_client_without_a_name_gets_a_page() {
    let resend = boundless().await;
    let request = client().post(format!("{}/emails", resend.url()));
    let response = request
        .bearer_auth(KEY)
        .json(&mail("a"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 403);
    assert!(response.text().await.unwrap().contains("error code: 1010"));
    assert!(resend.sent().is_empty());
}

#[actix_web::test]
async fn keys_are_told_apart_by_the_names_of_their_refusals() {
    let resend = boundless().await;
    resend.keys(|keys| {
        keys.push(ApiKey::sending("re_sending"));
        keys.push(ApiKey {
            suspended: true,
            ..ApiKey::full("re_suspended")
        });
        keys.push(ApiKey {
            access: Access::Sending {
                domain: Some("example.org".to_owned()),
            },
            ..ApiKey::full("re_elsewhere")
        });
    });
    let url = format!("{}/emails", resend.url());
    let post = async |key: Option<&str>| {
        let request = client().post(&url).header("User-Agent", "tests/1");
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        name(ask(request.json(&mail("a"))).await)
    };
    assert_eq!(post(None).await, refused(401, "missing_api_key"));
    assert_eq!(
        post(Some("re_other")).await,
        refused(403, "invalid_api_key")
    );
    assert_eq!(
        post(Some("re_suspended")).await,
        refused(403, "suspended_api_key")
    );
    assert_eq!(
        post(Some("re_elsewhere")).await,
        refused(403, "validation_error")
    );
    assert_eq!(post(Some("re_sending")).await, refused(200, ""));
    let id = resend.sent()[0].id.clone();
    let looking = client()
        .get(format!("{url}/{id}"))
        .header("User-Agent", "tests/1");
    let answer = name(ask(looking.bearer_auth("re_sending")).await);
    assert_eq!(answer, refused(401, "restricted_api_key"));
}

#[actix_web::test]
async fn a_domain_must_be_verified() {
    let resend = boundless().await;
    resend.domains(|domains| domains.remove("example.com"));
    let refusal = send(&resend, &mail("a")).await;
    assert_eq!(name(refusal), refused(403, "validation_error"));
    resend.domains(|domains| domains.insert("example.com".to_owned()));
    assert_eq!(send(&resend, &mail("a")).await.0, 200);
}

#[actix_web::test]
async fn other_paths_methods_and_mails_are_refused() {
    let resend = boundless().await;
    let other = ask(posting(&resend, "/domains", &json!({}))).await;
    assert_eq!(name(other), refused(404, "not_found"));
    let wrong = ask(posting(&resend, "/emails/1", &json!({}))).await;
    assert_eq!(name(wrong), refused(405, "method_not_allowed"));
    assert_eq!(name(look(&resend, "1").await), refused(404, "not_found"));
}

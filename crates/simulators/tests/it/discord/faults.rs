//! Every fault as a client meets it, and what it leaves behind.

use serde_json::{Value, json};
use simulators::discord::{Discord, Effect, Fault, Scope};

use super::support::{CHANNEL, boundless, number, post, posting, read, say, text};
use crate::support::PATIENCE;

fn strike(discord: &Discord, effect: Effect) {
    discord.faults(|faults| faults.add(Fault::new(effect).times(1)));
}

#[actix_web::test]
async fn a_fault_strikes_one_webhook_and_method_for_as_long_as_told() {
    let discord = boundless().await;
    let (one, other) = (discord.add_webhook(CHANNEL), discord.add_webhook(CHANNEL));
    let fault = Fault::new(Effect::status(503)).on(&one.id).method("POST");
    discord.faults(|faults| faults.add(fault.clone().after(1).times(2)));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(say(&one).await.status().as_u16());
        assert_eq!(say(&other).await.status(), 200);
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    discord.faults(|faults| faults.add(fault));
    assert_eq!(say(&one).await.status(), 503);
    discord.faults(|faults| faults.clear_on(&one.id));
    assert_eq!(say(&one).await.status(), 200);
}

#[actix_web::test]
async fn what_fails_may_have_been_accepted() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    let body = json!({ "content": "word" });
    for accepted in [false, true] {
        let before = discord.messages(CHANNEL).len();
        for effect in [
            Effect::Status {
                status: 502,
                accepted,
            },
            Effect::Reset { accepted },
            Effect::Hang { accepted },
        ] {
            strike(&discord, effect);
            let answer = posting(&webhook, &body).timeout(PATIENCE).send().await;
            assert!(answer.is_err() || answer.unwrap().status() == 502);
            let entry = discord.journal().pop().unwrap();
            assert_eq!((entry.accepted, &entry.body), (accepted, &body));
        }
        let made = discord.messages(CHANNEL).len() - before;
        assert_eq!(made, if accepted { 3 } else { 0 });
    }
}

#[actix_web::test]
async fn answers_come_late_empty_or_broken_after_acceptance() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    let body = json!({ "content": "word" });
    strike(
        &discord,
        Effect::Late {
            milliseconds: 600_000,
        },
    );
    let hasty = posting(&webhook, &body).timeout(PATIENCE);
    assert!(hasty.send().await.unwrap_err().is_timeout());
    strike(&discord, Effect::Late { milliseconds: 10 });
    assert_eq!(post(&webhook, &body).await.0, 200);
    strike(&discord, Effect::NoContent);
    assert_eq!(post(&webhook, &body).await, (204, Value::Null));
    strike(&discord, Effect::Garbage);
    let garbage = say(&webhook).await;
    assert_eq!(garbage.status(), 200);
    let garbage = garbage.bytes().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&garbage).is_err());
    assert_eq!(discord.messages(CHANNEL).len(), 4);
}

#[actix_web::test]
async fn limits_of_others_are_told_and_shared_ones_do_not_count() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    for (scope, name, invalid) in [(Scope::Shared, "shared", 0), (Scope::Global, "global", 1)] {
        let retry_after = 64.57;
        strike(&discord, Effect::TooManyRequests { scope, retry_after });
        let refused = say(&webhook).await;
        assert_eq!(text(&refused, "X-RateLimit-Scope"), Some(name));
        assert_eq!(number(&refused, "Retry-After"), Some(65.0));
        let (status, body) = read(refused).await;
        assert_eq!((status, &body["global"]), (429, &json!(name == "global")));
        let told = body["retry_after"].as_f64().unwrap();
        assert!((told - retry_after).abs() < 0.01);
        assert_eq!(discord.invalid_requests(), invalid);
    }
}

#[actix_web::test]
async fn the_proxy_shows_a_page_and_a_redirect_leads_away() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    for (status, code) in [(403, 1020), (429, 1015)] {
        strike(&discord, Effect::Cloudflare { status, code });
        let page = say(&webhook).await;
        assert_eq!(page.status(), status);
        assert_eq!(
            text(&page, "Content-Type"),
            Some("text/html; charset=UTF-8")
        );
        assert!(page.text().await.unwrap().contains(&code.to_string()));
    }
    let location = "http://example.org/elsewhere".to_owned();
    strike(
        &discord,
        Effect::Redirect {
            status: 302,
            location,
        },
    );
    let redirect = say(&webhook).await;
    assert_eq!(redirect.status(), 302);
    assert_eq!(
        text(&redirect, "Location"),
        Some("http://example.org/elsewhere")
    );
    assert!(discord.messages(CHANNEL).is_empty());
}

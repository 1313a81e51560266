//! What bodies may hold.

use serde_json::{Value, json};

use super::support::{CHANNEL, as_bot, boundless, code, post, read};
use crate::support::client;

/// A body and the path of the error that it deserves.
fn broken() -> Vec<(Value, &'static str, &'static str)> {
    let embed = |embed: Value| json!({ "embeds": [{ "title": "good" }, embed] });
    let field =
        |name: &str, value: &str| embed(json!({ "fields": [{ "name": name, "value": value }] }));
    let long = |length: usize| "x".repeat(length);
    vec![
        (
            json!({ "content": long(2001) }),
            "/content",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (json!({ "content": 7 }), "/content", "STRING_TYPE_CONVERT"),
        (
            json!({ "content": "a", "username": long(81) }),
            "/username",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            json!({ "content": "a", "username": " " }),
            "/username",
            "BASE_TYPE_REQUIRED",
        ),
        (
            json!({ "content": "a", "username": "My DisCord" }),
            "/username",
            "USERNAME_INVALID_CONTAINS",
        ),
        (
            json!({ "content": "a", "avatar_url": "ftp://a" }),
            "/avatar_url",
            "URL_TYPE_INVALID_SCHEME",
        ),
        (
            json!({ "content": "a", "allowed_mentions": { "parse": ["all"] } }),
            "/allowed_mentions/parse/0",
            "BASE_TYPE_CHOICES",
        ),
        (
            json!({ "embeds": vec![json!({ "title": "a" }); 11] }),
            "/embeds",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            embed(json!({ "title": long(257) })),
            "/embeds/1/title",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            embed(json!({ "description": long(4097) })),
            "/embeds/1/description",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            embed(json!({ "footer": { "text": long(2049) } })),
            "/embeds/1/footer/text",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            embed(json!({ "author": { "name": long(257) } })),
            "/embeds/1/author/name",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            embed(json!({ "fields": vec![json!({ "name": "a", "value": "b" }); 26] })),
            "/embeds/1/fields",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            field(&long(257), "b"),
            "/embeds/1/fields/0/name",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            field("a", &long(1025)),
            "/embeds/1/fields/0/value",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            field("a", " "),
            "/embeds/1/fields/0/value",
            "BASE_TYPE_REQUIRED",
        ),
        (
            embed(json!({ "color": 0x100_0000 })),
            "/embeds/1/color",
            "NUMBER_TYPE_MAX",
        ),
        (
            embed(json!({ "timestamp": "yesterday" })),
            "/embeds/1/timestamp",
            "DATE_TIME_TYPE_PARSE",
        ),
        (
            embed(json!({ "url": "nowhere" })),
            "/embeds/1/url",
            "URL_TYPE_INVALID_URL",
        ),
        (
            json!({ "embeds": [{ "description": long(4000) }, { "description": long(2001) }] }),
            "/embeds",
            "MAX_EMBED_SIZE_EXCEEDED",
        ),
    ]
}

#[actix_web::test]
async fn a_broken_rule_is_told_by_its_path() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    for (body, path, error) in broken() {
        let (status, answer) = post(&webhook, &body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50035)), "{path}");
        let errors = answer["errors"].pointer(&format!("{path}/_errors"));
        let errors = errors.unwrap_or_else(|| panic!("{path}: {answer}"));
        assert_eq!(errors[0]["code"], error, "{path}");
    }
    assert!(discord.messages(CHANNEL).is_empty());
}

#[actix_web::test]
async fn the_limits_themselves_are_allowed_and_blanks_around_do_not_count() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    for body in [
        json!({ "content": format!("  {}  ", "x".repeat(2000)), "username": "x".repeat(80) }),
        json!({ "content": "🦀".repeat(1000) }),
        json!({ "embeds": [
            { "description": "x".repeat(4096), "title": "x".repeat(256), "color": 0xFF_FFFF },
            { "description": "x".repeat(1648), "timestamp": "2026-11-22T10:00:00Z" },
        ] }),
    ] {
        let (status, answer) = post(&webhook, &body).await;
        assert_eq!(status, 200, "{answer}");
    }
    let wide = json!({ "content": "🦀".repeat(1001) });
    assert_eq!(code(post(&webhook, &wide).await), (400, 50035));
}

#[actix_web::test]
async fn a_message_that_shows_nothing_answers_50006() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    for body in [
        json!({}),
        json!({ "content": "  " }),
        json!({ "embeds": [] }),
        json!({ "embeds": [{ "color": 1 }] }),
        json!({ "username": "name" }),
    ] {
        assert_eq!(code(post(&webhook, &body).await), (400, 50006), "{body}");
    }
}

#[actix_web::test]
async fn a_body_must_say_that_it_is_json_and_be_it() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    let send = async |content_type: &str, body: &'static str| {
        let request = as_bot(client().post(&webhook.url)).body(body);
        let request = request.header("Content-Type", content_type);
        code(read(request.send().await.unwrap()).await)
    };
    let body = r#"{"content": "word"}"#;
    assert_eq!(send("text/plain", body).await, (400, 50035));
    assert_eq!(send("application/json", "{").await, (400, 50035));
    assert_eq!(
        send("application/json; charset=utf-8", body).await,
        (204, 0)
    );
}

//! How other processes steer the endpoint.

use serde_json::{Value, json};
use simulators::signature::Secret;

use super::support::{ask, post, posting, signed, usual};
use crate::{command::Command, support::client};

async fn get(url: &str, path: &str) -> Value {
    let (status, body) = ask(client().get(format!("{url}/__simulator/{path}"))).await;
    assert_eq!(status, 200, "{path} {body}");
    body
}

async fn tell(url: &str, path: &str, body: Value) -> u16 {
    ask(client()
        .post(format!("{url}/__simulator/{path}"))
        .json(&body))
    .await
    .0
}

#[actix_web::test]
async fn another_process_can_choose_answers_and_read_what_came() {
    let receiver = usual().await;
    let url = receiver.url();
    let rule = json!({
        "path": "/a",
        "when": { "pointer": "/type", "equals": "poison" },
        "answers": [{ "status": { "status": 400 } }, "never"],
    });
    assert_eq!(tell(&url, "rules", rule).await, 200);
    let misspelt = json!({ "paths": "/a", "answers": ["never"] });
    assert_eq!(tell(&url, "rules", misspelt).await, 400);

    let (secret, body) = (Secret::random(), r#"{"type":"poison"}"#);
    let request = signed(posting(&receiver, "/a", body), &secret, "msg_1", body);
    assert_eq!(request.send().await.unwrap().status(), 400);
    let again = posting(&receiver, "/b", body).header("webhook-id", "msg_1");
    assert_eq!(again.send().await.unwrap().status(), 200);

    let journal = get(&url, "journal?path=/a").await;
    assert_eq!(journal[0]["body"], body);
    assert_eq!(journal[0]["status"], 400);
    assert_eq!(journal.as_array().unwrap().len(), 1);
    assert_eq!(get(&url, "arrivals").await[0]["number"], 0);
    assert_eq!(get(&url, "duplicates").await, json!({ "msg_1": 2 }));
    let secret =
        url::form_urlencoded::byte_serialize(secret.to_string().as_bytes()).collect::<String>();
    let verified = get(&url, &format!("verified?secret={secret}")).await;
    assert_eq!(
        verified,
        json!([
            { "number": 0, "refused": null },
            { "number": 1, "refused": "missing_header" },
        ])
    );

    assert_eq!(tell(&url, "keep", json!("counters")).await, 200);
    post(&receiver, "/a", "").await;
    assert_eq!(get(&url, "counters").await["requests"], 3);
    assert_eq!(receiver.journal().len(), 2);
    let forgetting = client().delete(format!("{url}/__simulator/journal"));
    assert_eq!(ask(forgetting).await.0, 200);
    assert_eq!(get(&url, "counters").await["requests"], 0);
}

#[actix_web::test]
async fn the_command_prints_its_address_and_obeys_its_flags() {
    let command = Command::start(&["receiver", "--counters-only"]);
    let url = command.url("receiver");
    assert_eq!(ask(client().post(url)).await.0, 200);
    assert_eq!(get(url, "counters").await["requests"], 1);
    assert_eq!(get(url, "journal").await, json!([]));
}

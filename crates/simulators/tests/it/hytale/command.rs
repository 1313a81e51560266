//! The vendor as a process of its own.

use serde_json::json;

use super::support::ask;
use crate::{command::Command, support::client};

#[actix_web::test]
async fn the_command_prints_its_address_and_obeys_its_flags() {
    let command = Command::start(&[
        "hytale",
        "--seed",
        "3",
        "--no-session-limit",
        "--auto-approve-after",
        "1",
        "--auto-approve-account",
        "many",
        "--standing-clock",
        "2026-06-01T12:00:00Z",
        "--behaviour",
        r#"{"created_status": 201}"#,
    ]);
    let url = command.url("hytale");
    let get = |path: &str| ask(client().get(format!("{url}/__simulator/{path}")));
    let (_, behaviour) = get("behaviour").await;
    assert_eq!(
        (
            &behaviour["created_status"],
            &behaviour["session_limit"],
            &behaviour["auto_approve"]
        ),
        (
            &json!(201),
            &json!(null),
            &json!({ "after_polls": 1, "account": "many" })
        )
    );
    let clock = get("clock").await;
    assert_eq!(clock, (200, json!({ "now": "2026-06-01T12:00:00Z" })));
}

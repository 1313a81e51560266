//! Mails one by one.

use serde_json::{Value, json};

use super::support::{boundless, look, mail, name, posting, refused, send, with};

#[actix_web::test]
async fn a_mail_is_accepted_and_can_be_seen() {
    let resend = boundless().await;
    let tagged = with(
        mail("Ready"),
        json!({ "to": "a@example.net", "tags": [{ "name": "kind", "value": "ready" }] }),
    );
    let (status, answer) = send(&resend, &tagged).await;
    assert_eq!(status, 200);
    let id = answer["id"].as_str().unwrap();
    let sent = &resend.sent()[0];
    assert_eq!(
        (sent.id.as_str(), &sent.email, sent.place),
        (id, &tagged, None)
    );
    let (status, seen) = look(&resend, id).await;
    assert_eq!(
        (status, &seen["object"], &seen["to"], &seen["last_event"]),
        (
            200,
            &json!("email"),
            &json!(["a@example.net"]),
            &json!("sent")
        )
    );
}

#[actix_web::test]
async fn addresses_for_tests_decide_what_becomes_of_a_mail() {
    let resend = boundless().await;
    for event in ["delivered", "bounced", "complained"] {
        let to = json!({ "to": format!("{event}@resend.dev") });
        let (_, answer) = send(&resend, &with(mail("a"), to)).await;
        let (_, seen) = look(&resend, answer["id"].as_str().unwrap()).await;
        assert_eq!(seen["last_event"], event);
    }
}

#[actix_web::test]
async fn what_is_wrong_with_a_mail_is_told_by_name() {
    let resend = boundless().await;
    let many = vec!["a@example.net"; 51];
    for (field, value, status, error) in [
        ("from", Value::Null, 422, "missing_required_field"),
        ("to", Value::Null, 422, "missing_required_field"),
        ("subject", Value::Null, 422, "missing_required_field"),
        ("text", Value::Null, 422, "missing_required_field"),
        ("from", json!("NodeByte"), 422, "invalid_from_address"),
        ("from", json!("a@example.org"), 403, "validation_error"),
        ("to", json!([]), 422, "invalid_parameter"),
        ("to", json!(many), 422, "invalid_parameter"),
        ("cc", json!("nobody"), 422, "invalid_parameter"),
        ("html", json!(7), 422, "invalid_parameter"),
        ("headers", json!({ "X-A": 1 }), 422, "invalid_parameter"),
        (
            "tags",
            json!([{ "name": "a b", "value": "c" }]),
            422,
            "invalid_parameter",
        ),
        (
            "attachments",
            json!([{ "filename": "a" }]),
            422,
            "invalid_attachment",
        ),
    ] {
        let mut wrong = mail("a");
        wrong[field] = value.clone();
        let answer = send(&resend, &wrong).await;
        assert_eq!(answer.1["statusCode"], status, "{field} {value}");
        assert_eq!(name(answer), refused(status, error), "{field} {value}");
    }
    let broken = posting(&resend, "/emails", &json!({})).body("{");
    let answer = super::support::ask(broken).await;
    assert_eq!(name(answer), refused(400, "validation_error"));
    assert!(resend.sent().is_empty());
    let journal = resend.journal();
    assert_eq!(journal[0].name.as_deref(), Some("missing_required_field"));
    assert_eq!(journal[0].body["subject"], "a");
}

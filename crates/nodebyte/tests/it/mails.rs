use crate::cli::Installation;
use serde_json::json;

/// A mail as it is stored.
async fn mail(installation: &Installation, state: &str, body: Option<&str>) -> String {
    let finished = if state == "pending" { "NULL" } else { "now()" };
    let insert = format!(
        "INSERT INTO mails (id, template, recipient, subject, body, holds_link, state, attempts, reason, \
           created_by, finished_at) \
         VALUES (gen_random_uuid(), 'welcome', 'anna@example.net', 'Welcome', $1::text, $1 IS NULL, '{state}', 1, \
           'refused', 'service', {finished}) RETURNING id::text"
    );
    let row = installation.sql.query_one(&insert, &[&body]).await;
    let id: String = row.unwrap().get(0);
    let attempt = format!(
        "INSERT INTO mail_attempts (mail_id, number, outcome, status, answer) \
         VALUES ('{id}', 1, 'failed', 422, 'no such domain')"
    );
    installation.sql.batch_execute(&attempt).await.unwrap();
    id
}

#[tokio::test]
async fn mails_are_listed_shown_and_dead_ones_tried_again() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    let dead = mail(&installation, "dead", Some("{}")).await;
    let erased = mail(&installation, "dead", None).await;
    let sent = mail(&installation, "sent", Some("{}")).await;
    let list = [
        "mails",
        "list",
        "--state",
        "dead",
        "--to",
        "anna@example.net",
    ];
    assert_eq!(cli.json(&list).await.as_array().unwrap().len(), 2);
    let table = cli.run(&list).await.stdout;
    assert!(table.contains(&dead) && !table.contains(&sent), "{table}");
    let shown = cli.json(&["mails", "show", &dead]).await;
    assert_eq!(shown["attempts"][0]["status"], json!(422));
    let people = cli.run(&["mails", "show", &dead]).await.stdout;
    assert!(people.contains("dead (refused)") && people.contains("no such domain"));

    assert_eq!(
        cli.json(&["mails", "replay", &dead]).await["replayed"],
        true
    );
    assert_eq!(
        cli.json(&["mails", "show", &dead]).await["state"],
        "pending"
    );
    for (id, why) in [
        (&erased, "link"),
        (&sent, "only dead"),
        (&dead, "only dead"),
    ] {
        let refused = cli.run(&["mails", "replay", id]).await;
        assert_ne!(refused.code, 0);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
    let nobody = "018f0000-0000-7000-8000-000000000001";
    for verb in ["show", "replay"] {
        assert_eq!(cli.run(&["mails", verb, nobody]).await.code, 66);
    }
    let trail = "SELECT event_type || ' ' || actor FROM admin_audit";
    assert_eq!(installation.text(trail).await, "MAIL_REPLAYED cli:tester");
}

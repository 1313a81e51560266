//! What of settings, webhooks and mail must not be seen anywhere: each secret is planted, and
//! then looked for in all that is said and left behind.

use crate::listeners::{Admin, Listeners};
use crate::secrets::{assert_hidden, tables};
use crate::world::{PATIENCE, World};
use reqwest::Method;
use serde_json::{Value, json};
use simulators::panel::State;
use simulators::receiver::{Answer, Rule};
use simulators::resend::{ApiKey, Effect, Fault};
use testkit::wait_for;

const ENCRYPTION_KEY: &str = "6ec4e7a1b2c3d4e5f60718293a4b5c6d7e8f9012a3b4c5d6e7f8091a2b3c4d5e";
const RESEND_KEY: &str = "re_planted_of_the_environment";
const HOOK_SECRET: &str = "whsec_cGxhbnRlZC1zZWNyZXQtb2YtcmVzZW5k";
const IN_THE_ADDRESS: &str = "planted-in-the-address";
const IN_THE_LINK: &str = "cGxhbnRlZC1pbi10aGUtbGluaw";
const SETTINGS: [(&str, &str); 3] = [
    ("crowdinPersonalToken", "planted-crowdin-token"),
    ("virtfusionApiKey", "planted-virtfusion-key"),
    ("resendApiKey", "re_planted_of_the_settings"),
];

/// Settings, webhooks that take, refuse and repeat what they are told, and a mail that is
/// handed over in the second attempt. Returns secrets that were made meanwhile.
async fn configure(admin: &Admin<'_>, listeners: &Listeners) -> Vec<String> {
    let mut settings = json!({
        "siteUrl": "https://site.example", "virtfusionUrl": listeners.url("/virtfusion"),
    });
    for (name, secret) in SETTINGS {
        settings[name] = Value::from(secret);
        listeners
            .resend
            .keys(|keys| keys.push(ApiKey::full(secret)));
    }
    let address = listeners.url(&format!("/{IN_THE_ADDRESS}?key={IN_THE_ADDRESS}"));
    let secret = admin.webhook(&address).await;
    let sound = listeners.discord.add_webhook("100");
    let revoked = listeners.discord.add_webhook("200");
    for webhook in [&sound, &revoked] {
        admin.webhook(&webhook.public_url).await;
    }
    listeners.discord.revoke(&revoked.id);
    admin.make("/api/admin/settings", &settings).await;
    let talkative = Answer::Status {
        status: 422,
        retry_after: None,
        body: format!("you called {address} and sign with {secret}"),
    };
    listeners.receiver.rule(Rule::new([talkative]));
    let failing = Effect::Status {
        status: 500,
        name: None,
        accepted: false,
    };
    let once = Fault::new(failing).on("/emails").times(1);
    listeners.resend.faults(|faults| faults.add(once));
    let data = json!({ "name": "Anna", "user_id": "user-1", "token": IN_THE_LINK });
    let mail = json!({ "to": "anna@example.net", "template": "verify_email", "data": data });
    admin.make("/api/v1/email/queue", &mail).await;
    let event = json!({ "event": "shop.order_paid", "data": { "order": 7 } });
    admin.make("/api/v1/webhook/dispatch", &event).await;
    let bare = secret.trim_start_matches("whsec_").trim_end_matches('=');
    vec![
        bare.to_owned(),
        sound.token,
        revoked.token,
        admin.key.clone(),
    ]
}

/// Waits until the webhooks have been told of the settings, and the mail is handed over.
async fn told(world: &World, listeners: &Listeners) {
    for (what, query) in [
        (
            "a dead delivery",
            "SELECT count(*) FROM deliveries WHERE state = 'dead'",
        ),
        (
            "a delivered one",
            "SELECT count(*) FROM deliveries WHERE state = 'delivered'",
        ),
        (
            "a webhook to be disabled",
            "SELECT count(*) FROM webhooks WHERE NOT enabled",
        ),
    ] {
        wait_for(what, PATIENCE, async || {
            (world.number(query).await > 0).then_some(())
        })
        .await;
    }
    wait_for("the mail", PATIENCE, async || {
        (!listeners.resend.sent().is_empty()).then_some(())
    })
    .await;
}

/// Asks for everything that there is to see, and has all webhooks tested.
async fn look(admin: &Admin<'_>) -> String {
    let mut answers = String::new();
    for path in [
        "/api/admin/settings",
        "/api/admin/settings/webhooks",
        "/api/admin/settings/repos",
        "/api/admin/deliveries?limit=100",
        "/api/admin/audit?limit=100",
        "/api/admin/mail/suppressions",
        "/metrics",
    ] {
        answers += &admin.ask(Method::GET, path, None).await;
        answers.push('\n');
    }
    let list = admin
        .ask(Method::GET, "/api/admin/settings/webhooks", None)
        .await;
    let list: Value = serde_json::from_str(list.split_once('\n').unwrap().1).unwrap();
    for webhook in list["webhooks"].as_array().unwrap() {
        let which = json!({ "id": webhook["id"] });
        let path = "/api/admin/settings/webhooks";
        answers += &admin.ask(Method::PATCH, path, Some(&which)).await;
    }
    let log = admin
        .ask(Method::GET, "/api/admin/deliveries?limit=100", None)
        .await;
    let log: Value = serde_json::from_str(log.split_once('\n').unwrap().1).unwrap();
    for delivery in log["deliveries"].as_array().unwrap() {
        let path = format!("/api/admin/deliveries/{}", delivery["id"].as_str().unwrap());
        answers += &admin.ask(Method::GET, &path, None).await;
    }
    answers
}

/// What Discord and somebody's system were sent, without where it went.
fn sent(listeners: &Listeners) -> String {
    let discord = listeners.discord.journal().into_iter();
    let signed = listeners.receiver.journal().into_iter();
    let bodies = signed.map(|entry| entry.json().to_string());
    let all: Vec<String> = discord
        .map(|entry| entry.body.to_string())
        .chain(bodies)
        .collect();
    all.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_settings_webhooks_and_mail_is_found_where_somebody_may_look() {
    let mut world = World::new(State::small()).await;
    let listeners = Listeners::start(&mut world).await;
    for (name, value) in [
        ("ENCRYPTION_KEY", ENCRYPTION_KEY),
        ("RESEND_API_KEY", RESEND_KEY),
        ("RESEND_WEBHOOK_SECRET", HOOK_SECRET),
        ("MAIL_RETRY_SECONDS", "1"),
        ("LOG_LEVEL", "trace"),
        ("LOG_LIBRARY_LEVEL", "trace"),
    ] {
        world.set(name, value);
    }
    let (mut gateway, mut notifier) = tokio::join!(world.gateway(), world.notifier());
    let admin = Admin::new(&world, &gateway);
    let mut planted = configure(&admin, &listeners).await;
    told(&world, &listeners).await;
    let answers = look(&admin).await;
    let metrics = notifier.metrics().await;
    let shown = world.operate(&["deliveries", "list"]) + &world.operate(&["keys", "status"]);
    let sent = sent(&listeners);
    drop(admin);
    gateway.stop();
    notifier.stop();

    planted.extend([ENCRYPTION_KEY, RESEND_KEY, IN_THE_ADDRESS, IN_THE_LINK].map(String::from));
    planted.push(HOOK_SECRET.trim_start_matches("whsec_").to_owned());
    planted.extend(SETTINGS.map(|(_, secret)| secret.to_owned()));
    assert!(answers.contains("you called"), "{answers}");
    assert!(answers.contains("SETTINGS_CHANGED"), "{answers}");
    assert!(sent.contains("settings.changed"), "{sent}");
    let tables = tables(&world).await;
    let said = tables.iter().find(|(name, _)| name == "outbox").unwrap();
    assert!(said.1.contains("settings.changed"), "{}", said.1);
    let (gateways_log, notifiers_log) = (gateway.log(), notifier.log());
    assert!(
        notifiers_log.contains(r#""level":"debug""#),
        "it tells little"
    );
    let left_behind = tables
        .iter()
        .map(|(name, rows)| (name.as_str(), rows.as_str()))
        .chain([
            ("the answers", answers.as_str()),
            ("what webhooks were told", sent.as_str()),
            ("the notifier's metrics", metrics.as_str()),
            ("what the operator is shown", shown.as_str()),
            ("the gateway's log", gateways_log.as_str()),
            ("the notifier's log", notifiers_log.as_str()),
        ]);
    for (place, text) in left_behind {
        for secret in &planted {
            assert_hidden(place, text, secret);
        }
    }
}

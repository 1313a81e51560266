//! Keys that are replaced while everybody uses them.

use crate::listeners::{Admin, Listeners};
use crate::told::{AT_ONCE, arrived, by_subject, say};
use crate::world::{PATIENCE, World};
use serde_json::{Value, json};
use simulators::panel::State;
use std::collections::BTreeMap;
use testkit::wait_for;

/// More than are sealed anew at a time.
const WEBHOOKS: usize = 250;

/// Webhooks whose addresses are sealed by the second key.
const BY_THE_NEW_KEY: &str = "\
    SELECT count(*) FROM webhooks w JOIN data_keys k ON k.active AND w.address LIKE 'nb1:' || k.kid || ':%' \
    WHERE (SELECT count(*) FROM data_keys) = 2";

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_is_killed_goes_on_and_nobody_who_uses_secrets_notices() {
    let mut world = World::new(State::small()).await;
    let listeners = Listeners::start(&mut world).await;
    let (gateway, mut notifier) = tokio::join!(world.gateway(), world.notifier());
    let admin = Admin::new(&world, &gateway);
    let secret = admin.webhook(&listeners.url("/told")).await;
    // Others, which are told of nothing.
    for number in 0..WEBHOOKS {
        let form = json!({
            "name": format!("idle {number}"), "webhookUrl": listeners.url("/idle"),
            "type": "BILLING", "scope": "ADMIN",
        });
        admin.make("/api/admin/settings/webhooks", &form).await;
    }
    let mut said = BTreeMap::new();
    say(&world, &mut said).await;

    // One row is somebody else's for a while, so that the rotation cannot end.
    let holding = world.connect().await;
    let hold = "BEGIN; SELECT 1 FROM webhooks ORDER BY id DESC LIMIT 1 FOR UPDATE";
    holding.batch_execute(hold).await.unwrap();
    let mut rotation = world.begin(&["keys", "rotate"]);
    wait_for("the rotation to be on its way", PATIENCE, async || {
        let anew = world.number(BY_THE_NEW_KEY).await;
        (anew > 0).then_some(()).ok_or(anew)
    })
    .await;
    say(&world, &mut said).await;
    rotation.kill_9().unwrap();
    let anew = world.number(BY_THE_NEW_KEY).await;
    assert!(
        anew <= i64::try_from(WEBHOOKS).unwrap(),
        "{anew}: it was at its end"
    );
    holding.batch_execute("ROLLBACK").await.unwrap();
    // A notifier that starts in between opens what either key sealed.
    notifier.stop();
    notifier = world.notifier().await;
    say(&world, &mut said).await;
    world.operate(&["keys", "rotate"]);
    say(&world, &mut said).await;

    arrived(&listeners, 4 * AT_ONCE).await;
    notifier.stop();
    assert_eq!(by_subject(&listeners), said);
    for entry in listeners.receiver.journal() {
        entry.verify(&secret).unwrap();
    }
    let all = i64::try_from(WEBHOOKS + 1).unwrap();
    assert_eq!(world.number(BY_THE_NEW_KEY).await, all);
    let status = world.operate(&["--json", "keys", "status"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["sound"], true, "{status}");
    assert_eq!(status["keys"].as_array().unwrap().len(), 2, "{status}");
    assert_eq!(
        status["keys"][0]["seals"],
        json!({}),
        "the old one is needed no more"
    );
}

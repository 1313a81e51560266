//! Mail that must not leave.

use crate::stage::Stage;
use common::types::caller::Principal;
use common::types::id::{MailId, WorkerId};
use std::time::Duration;
use store::{MailClaim, MailQueued, NewMail};

async fn claimed(stage: &Stage) -> Option<MailId> {
    let claim = MailClaim {
        holder: WorkerId::new(),
        hold: Duration::from_secs(30),
        per_second: 1000,
        key: "key".to_owned(),
    };
    let claimed = stage.store.mail_claim(&claim).await.unwrap();
    claimed.ok().map(|it| it.id)
}

#[tokio::test]
async fn what_comes_too_late_or_to_a_suppressed_address_is_claimed_by_nobody() {
    let stage = Stage::new().await;
    let id = MailId::new();
    let new = NewMail {
        id,
        template: "magic_link",
        recipient: "anna@example.net".parse().unwrap(),
        subject: "s".to_owned(),
        body: "sealed".to_owned(),
        link_lives: Some(Duration::from_secs(900)),
        created_by: Principal::Service,
        idempotency_key: None,
        request_digest: [0; 32],
        withheld: None,
    };
    let queued = stage.store.mail_queue(&new).await.unwrap();
    assert_eq!(queued, MailQueued::New);
    for (hindrance, end) in [
        (
            "UPDATE mails SET expires_at = now()",
            "UPDATE mails SET expires_at = now() + interval '1 hour'",
        ),
        (
            "UPDATE mails SET first_attempt_at = now() - interval '23 hours'",
            "UPDATE mails SET first_attempt_at = now() - interval '22 hours'",
        ),
        (
            "INSERT INTO mail_suppressions (id, address, reason, event) \
             VALUES (gen_random_uuid(), 'anna@example.net', 'BOUNCED', 'e')",
            "UPDATE mail_suppressions SET lifted_at = now()",
        ),
    ] {
        stage.execute(hindrance).await;
        assert_eq!(claimed(&stage).await, None, "{hindrance}");
        stage.execute(end).await;
    }
    assert_eq!(claimed(&stage).await, Some(id));
}

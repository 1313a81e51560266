//! What is told of mails that are not tried any more.

use crate::error::StoreError;
use crate::outbox::{self, Outgoing};
use crate::pool::Connection;
use chrono::Utc;
use common::types::event::{Event, EventType};
use diesel::QueryableByName;
use diesel::sql_types::{Nullable, Text, Uuid as SqlUuid};
use serde_json::json;
use uuid::Uuid;

/// A mail that has just died.
#[derive(QueryableByName)]
pub(super) struct DeadMail {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    template: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
}

/// Says so in the outbox, without the address: subscribers need not know whom it was for.
pub(super) async fn tell(conn: &mut Connection, dead: Vec<DeadMail>) -> Result<(), StoreError> {
    let said = dead.into_iter().map(|it| {
        let data = json!({ "template": it.template, "reason": it.reason });
        Outgoing::event(Event::new(
            EventType::MailDead,
            it.id.to_string(),
            Utc::now(),
            data,
        ))
    });
    outbox::say(conn, said.collect()).await
}

//! Users of the panel.

use chrono::{DateTime, Utc};
use common::types::panel::PanelUser;
use serde::Deserialize;
use uuid::Uuid;

use super::super::decode::{Fault, Row, record};

/// Reads a user.
pub(in super::super) fn user(raw: &str) -> Result<PanelUser, Fault> {
    let it: UserDto = record(raw, &["user"])?;
    Ok(PanelUser {
        id: it.id,
        uuid: it.uuid,
        external_id: it.external_id,
        username: it.username,
        email: it.email,
        first_name: it.first_name,
        last_name: it.last_name,
        language: it.language,
        root_admin: it.root_admin,
        two_factor: it.two_factor,
        created_at: it.created_at,
        updated_at: it.updated_at,
    })
}

#[derive(Deserialize)]
struct UserDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    uuid: Uuid,
    #[serde(deserialize_with = "super::lenient::nullable")]
    external_id: Option<String>,
    username: String,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    language: String,
    #[serde(deserialize_with = "super::lenient::truth")]
    root_admin: bool,
    #[serde(rename = "2fa", deserialize_with = "super::lenient::truth")]
    two_factor: bool,
    #[serde(default, deserialize_with = "super::lenient::time")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    updated_at: Option<DateTime<Utc>>,
}

impl Row for PanelUser {
    fn id(&self) -> i64 {
        self.id
    }
}

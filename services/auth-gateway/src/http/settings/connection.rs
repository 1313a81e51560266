//! Trying out a connection before it is saved.

use std::str::FromStr;

use actix_web::web::{Data, Json, Query};
use common::types::setting::Setting;
use panels::PanelKind;
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use runtime::http::ApiError;
use serde::Deserialize;
use serde_json::Value;

use super::wire::SettingsForm;
use crate::auth::{Administer, Needs};
use crate::connections::{Status, Wanted, failed};
use crate::http::body::OptionalBody;
use crate::http::failure::Failure;
use crate::state::State;

/// What is tried.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct ConnectionChoice {
    /// `pterodactyl`, `virtfusion` or `database`; may stand in the body as well.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

enum Connection {
    Panel(PanelKind),
    Database,
}

/// Tries out a connection
///
/// With the address and key that are sent; without a key with that which counts, if it was
/// given for the same origin. That there is no connection is an answer (200) too.
#[api_v2_operation(tags(Settings))]
pub async fn test(
    _caller: Needs<Administer>,
    query: Query<ConnectionChoice>,
    OptionalBody(form): OptionalBody<SettingsForm>,
    state: Data<State>,
) -> Result<Json<Status>, Failure<400, 413>> {
    let in_body = form.0.get("type").and_then(Value::as_str);
    let kind = query.kind.as_deref().filter(|kind| !kind.is_empty());
    if kind.zip(in_body).is_some_and(|(one, other)| one != other) {
        let why = "`type` is given twice with different values";
        return Err(ApiError::bad_request(why).into());
    }
    let Ok(connection) = kind.or(in_body).unwrap_or_default().parse() else {
        return Err(ApiError::bad_request("Invalid connection type").into());
    };
    Ok(Json(match connection {
        Connection::Database => state.connections.database().await,
        Connection::Panel(kind) => {
            let settings = state.settings.newest().await?;
            match wanted(kind, &form) {
                Ok(wanted) => state.connections.try_panel(kind, wanted, &settings).await,
                Err(why) => failed(why),
            }
        }
    }))
}

impl FromStr for Connection {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "pterodactyl" => Ok(Self::Panel(PanelKind::Pterodactyl)),
            "virtfusion" => Ok(Self::Panel(PanelKind::Virtfusion)),
            "database" => Ok(Self::Database),
            _ => Err(()),
        }
    }
}

/// The fields that say where a panel is and with which key it is asked, in the names of
/// the settings; or a sentence about what is wrong with one.
fn wanted(kind: PanelKind, form: &SettingsForm) -> Result<Wanted, String> {
    let (url, key) = match kind {
        PanelKind::Pterodactyl => ("pterodactylUrl", "pterodactylApiKey"),
        PanelKind::Virtfusion => ("virtfusionUrl", "virtfusionApiKey"),
    };
    let given = |name: &str| {
        let setting = Setting::of_name(name).zip(form.0.get(name));
        let given = setting.map(|(setting, value)| setting.given(value));
        let given = given.transpose().map_err(|why| format!("`{name}` {why}"))?;
        Ok::<_, String>(given.flatten())
    };
    Ok(Wanted {
        url: given(url)?,
        key: given(key)?.map(Into::into),
    })
}

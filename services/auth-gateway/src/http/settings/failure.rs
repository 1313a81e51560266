//! What callers learn when settings are not changed.

use actix_web::http::StatusCode;
use common::types::setting::{Invalid, Setting};
use reach::settings::{ChangeError, Refused, SettingsError};
use reach::vault::VaultError;
use runtime::http::ApiError;
use serde_json::json;

use crate::http::failure::Failure;

impl<const A: u16, const B: u16, const C: u16, const D: u16> From<ChangeError>
    for Failure<A, B, C, D>
{
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Refused(refused) => of_refused(refused).into(),
            // Waiting does not help: an operator has to give the key.
            ChangeError::Settings(SettingsError::Vault(VaultError::NoMasterKey)) => ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ENCRYPTION_KEY_MISSING",
                "Secrets cannot be stored: the installation has no ENCRYPTION_KEY",
            )
            .into(),
            ChangeError::Settings(SettingsError::Vault(VaultError::Store(error))) => error.into(),
            ChangeError::Settings(error) => error.into(),
        }
    }
}

fn of_refused(refused: Refused) -> ApiError {
    match refused {
        Refused::Outdated => ApiError::new(
            StatusCode::PRECONDITION_FAILED,
            "PRECONDITION_FAILED",
            "The settings have changed meanwhile; read them again",
        ),
        Refused::KeyNeeded(secret) => {
            let name = secret.name;
            ApiError::bad_request(format!(
                "`{name}` was given for the present address; with another one it must be \
                 entered again"
            ))
            .with_code("KEY_NEEDED")
            .with_details(json!({ "field": name }))
        }
        Refused::Invalid(setting, why) => invalid(setting, &why),
    }
}

/// 400 with the field's name, and never its value.
pub(super) fn invalid(setting: &Setting, why: &Invalid) -> ApiError {
    let name = setting.name;
    ApiError::bad_request(format!("`{name}` {why}")).with_details(json!({ "field": name }))
}

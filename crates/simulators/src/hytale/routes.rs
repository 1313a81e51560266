//! Which endpoint a request is for.

use serde::{Deserialize, Serialize};

use super::form::Form;

/// Path of the OAuth service below the address.
pub const OAUTH: &str = "/oauth";
/// Path of the account data below the address.
pub const ACCOUNT_DATA: &str = "/account-data";
/// Path of the session service below the address.
pub const SESSIONS: &str = "/sessions";
/// Path of the page that the guide sends users to.
pub const DEVICE_PAGE: &str = "/accounts/device";

/// The grant of a device's polls.
pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// An endpoint; those of the token path are told apart by their grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /oauth/oauth2/device/auth`
    DeviceAuth,
    /// `POST /oauth/oauth2/token` with a device code
    DeviceToken,
    /// `POST /oauth/oauth2/token` with a refresh token
    RefreshToken,
    /// `POST /oauth/oauth2/token` with anything else
    OtherToken,
    /// `POST /oauth/oauth2/revoke`
    Revoke,
    /// `GET` and `POST /oauth/oauth2/device/verify` or `/accounts/device`: the page for humans
    Verify,
    /// `GET /oauth/.well-known/jwks.json`
    OauthKeys,
    /// `GET /account-data/my-account/get-profiles`
    Profiles,
    /// `GET /account-data/profile/uuid/{uuid}` and `/account-data/profile/username/{name}`
    ProfileLookUp,
    /// `POST /sessions/game-session/new`
    SessionNew,
    /// `POST /sessions/game-session/refresh`
    SessionRefresh,
    /// `DELETE /sessions/game-session`
    SessionDelete,
    /// `POST /sessions/server-join/auth-grant`
    JoinGrant,
    /// `POST /sessions/server-join/auth-token`
    JoinToken,
    /// `GET /sessions/.well-known/jwks.json`
    SessionKeys,
}

impl Endpoint {
    /// The endpoint of a request, or the status that says that there is none.
    pub(super) fn find(method: &str, path: &str, form: &Form) -> Result<Self, u16> {
        let (endpoint, methods): (Self, &[&str]) = match path {
            "/oauth/oauth2/device/auth" => (Self::DeviceAuth, &["POST"]),
            "/oauth/oauth2/token" => (Self::of_grant(form), &["POST"]),
            "/oauth/oauth2/revoke" => (Self::Revoke, &["POST"]),
            "/oauth/oauth2/device/verify" | DEVICE_PAGE => (Self::Verify, &["GET", "POST"]),
            "/oauth/.well-known/jwks.json" => (Self::OauthKeys, &["GET"]),
            "/account-data/my-account/get-profiles" => (Self::Profiles, &["GET"]),
            "/sessions/game-session/new" => (Self::SessionNew, &["POST"]),
            "/sessions/game-session/refresh" => (Self::SessionRefresh, &["POST"]),
            "/sessions/game-session" => (Self::SessionDelete, &["DELETE"]),
            "/sessions/server-join/auth-grant" => (Self::JoinGrant, &["POST"]),
            "/sessions/server-join/auth-token" => (Self::JoinToken, &["POST"]),
            "/sessions/.well-known/jwks.json" => (Self::SessionKeys, &["GET"]),
            _ if path.starts_with("/account-data/profile/uuid/")
                || path.starts_with("/account-data/profile/username/") =>
            {
                (Self::ProfileLookUp, &["GET"])
            }
            _ => return Err(404),
        };
        if methods.contains(&method) {
            Ok(endpoint)
        } else {
            Err(405)
        }
    }

    fn of_grant(form: &Form) -> Self {
        match form.get("grant_type") {
            Some(DEVICE_GRANT) => Self::DeviceToken,
            Some("refresh_token") => Self::RefreshToken,
            _ => Self::OtherToken,
        }
    }
}

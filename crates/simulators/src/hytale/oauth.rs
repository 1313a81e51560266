//! The OAuth service: device codes, tokens, revocation, keys.

use serde_json::{Value, json};

use super::{
    device::{Device, DeviceState, seconds},
    form::{Asked, Form},
    grants::{Family, Issued, Issuing},
    journal::Note,
    options::Shapes,
    reply::{OAuthError, Reply},
    routes::{DEVICE_PAGE, OAUTH},
    source::Source,
    world::World,
};

/// A client that may ask for device codes, with its scopes.
const CLIENTS: [(&str, [&str; 3]); 2] = [
    ("hytale-server", ["openid", "offline", "auth:server"]),
    (
        "hytale-downloader",
        ["openid", "offline", "auth:downloader"],
    ),
];
/// A client for players, without the grant for devices.
const LAUNCHER: &str = "hytale-launcher";

const NO_DEVICE_GRANT: &str = "The OAuth 2.0 Client is not allowed to use authorization grant 'urn:ietf:params:oauth:grant-type:device_code'.";
const UNKNOWN_GRANT: &str = "Make sure that the various parameters are correct, be aware of case sensitivity and trim your parameters. Make sure that the client you are using has exactly whitelisted the redirect_uri you specified.";

type Result<T> = std::result::Result<T, OAuthError>;

impl World {
    pub(super) fn device_auth(&mut self, asked: &Asked, note: &mut Note) -> Reply {
        let answer = self.begin_device(&asked.form(), note);
        self.oauth_reply(answer, note)
    }

    pub(super) fn device_token(&mut self, asked: &Asked, note: &mut Note) -> Reply {
        let answer = self.poll_device(&asked.form(), note);
        self.oauth_reply(answer, note)
    }

    pub(super) fn refresh_token(&mut self, asked: &Asked, note: &mut Note) -> Reply {
        let answer = self.spend(&asked.form(), note);
        self.oauth_reply(answer, note)
    }

    pub(super) fn other_token(&mut self, asked: &Asked, note: &mut Note) -> Reply {
        let form = asked.form();
        let hint = if form.is_empty() {
            "The POST body can not be empty."
        } else if form.get("grant_type").is_none() {
            "Request parameter 'grant_type' is missing"
        } else {
            UNKNOWN_GRANT
        };
        self.oauth_reply(Err(OAuthError::InvalidRequest(hint)), note)
    }

    pub(super) fn revoke(&mut self, asked: &Asked, note: &mut Note) -> Reply {
        if !self.behaviour.revocation {
            return Reply::text(404, "404 page not found");
        }
        let form = asked.form();
        note.presented = form.get("token").map(str::to_owned);
        let client = match client(&form) {
            Ok(client) => client,
            Err(error) => return self.oauth_reply(Err(error), note),
        };
        let Some(token) = form.get("token") else {
            let missing = OAuthError::InvalidRequest("The POST body can not be empty.");
            return self.oauth_reply(Err(missing), note);
        };
        self.note_owner(token, note);
        // An unknown token, or one of another client, is no error (RFC 7009).
        if self.grants.revoke(token, client).is_none() {
            note.refused = Some("nothing revoked".to_owned());
        }
        Reply {
            headers: vec![
                ("Cache-Control", "no-store".to_owned()),
                ("Pragma", "no-cache".to_owned()),
            ],
            ..Reply::empty(200)
        }
    }

    pub(super) fn oauth_keys(&self) -> Reply {
        if self.behaviour.oauth_keys {
            Reply::json(200, &self.oauth_keys.published())
        } else {
            Reply::text(404, "404 page not found")
        }
    }

    fn oauth_reply(&self, answer: Result<Value>, note: &mut Note) -> Reply {
        match answer {
            Ok(body) => Reply::hydra(200, &body),
            Err(error) => {
                note.refused = Some(error.outcome());
                error.reply(self.behaviour.shapes)
            }
        }
    }

    fn begin_device(&mut self, form: &Form, note: &mut Note) -> Result<Value> {
        if form.is_empty() {
            return Err(OAuthError::InvalidRequest(
                "The POST body can not be empty.",
            ));
        }
        let client_id = client(form)?;
        let allowed = CLIENTS.iter().find(|(id, _)| *id == client_id);
        let Some((_, scopes)) = allowed else {
            return Err(OAuthError::UnauthorizedClient(NO_DEVICE_GRANT));
        };
        let scope = form.get("scope").unwrap_or_default();
        let mut asked = scope.split(' ').filter(|scope| !scope.is_empty());
        if let Some(scope) = asked.find(|scope| !scopes.contains(scope)) {
            return Err(OAuthError::InvalidScope(format!(
                "The OAuth 2.0 Client is not allowed to request scope '{scope}'."
            )));
        }
        let guide = self.behaviour.shapes == Shapes::Guide;
        let life = self
            .behaviour
            .device_seconds
            .unwrap_or(if guide { 900 } else { 600 });
        let device = Device {
            user_code: if guide {
                self.source.guide_user_code()
            } else {
                self.source.user_code()
            },
            device_code: self.source.token("ory_dc_"),
            client_id: client_id.to_owned(),
            scope: scope.to_owned(),
            expires_at: self.clock.now() + seconds(life),
            interval: self.behaviour.interval,
            state: DeviceState::Pending,
            account: None,
            polls: 0,
            last_poll: None,
            forced: false,
        };
        let page = if guide {
            format!("{}{DEVICE_PAGE}", self.base)
        } else {
            format!("{}{OAUTH}/oauth2/device/verify", self.base)
        };
        let mut body = json!({
            "device_code": device.device_code,
            "user_code": device.user_code,
            "verification_uri": page,
            "expires_in": life,
            "interval": self.behaviour.interval,
        });
        if self.behaviour.complete_uri {
            body["verification_uri_complete"] =
                format!("{page}?user_code={}", device.user_code).into();
        }
        note.issued = vec![device.device_code.clone()];
        self.devices.add(device);
        Ok(body)
    }

    fn poll_device(&mut self, form: &Form, note: &mut Note) -> Result<Value> {
        note.presented = form.get("device_code").map(str::to_owned);
        let client_id = client(form)?.to_owned();
        if client_id == LAUNCHER {
            return Err(OAuthError::UnauthorizedClient(NO_DEVICE_GRANT));
        }
        let code = form
            .get("device_code")
            .ok_or(OAuthError::InvalidGrant(None))?;
        let first = self.accounts.first().map(|account| account.name.as_str());
        let now = self.clock.now();
        let device = self
            .devices
            .poll(code, &client_id, first, &self.behaviour, now)?;
        let account = device.account.clone().unwrap_or_default();
        let scope = device.scope.clone();
        let issued = self.login(&account, &client_id, &scope);
        Ok(self.token_body(&issued, note))
    }

    fn spend(&mut self, form: &Form, note: &mut Note) -> Result<Value> {
        note.presented = form.get("refresh_token").map(str::to_owned);
        let client_id = client(form)?.to_owned();
        let token = form.get("refresh_token").unwrap_or_default();
        self.note_owner(token, note);
        let now = self.clock.now();
        let issued = self.issuing(now, |grants, issuing| {
            grants.refresh(token, &client_id, issuing)
        })?;
        Ok(self.token_body(&issued, note))
    }

    /// Begins a family of tokens for an account.
    pub(super) fn login(&mut self, account: &str, client_id: &str, scope: &str) -> Issued {
        let now = self.clock.now();
        self.issuing(now, |grants, issuing| {
            grants.login(account, client_id, scope, issuing)
        })
    }

    fn issuing<T>(
        &mut self,
        now: chrono::DateTime<chrono::Utc>,
        work: impl FnOnce(&mut super::grants::Grants, &mut Issuing<'_>) -> T,
    ) -> T {
        let Self {
            grants,
            behaviour,
            source,
            oauth_keys,
            accounts,
            oauth_issuer,
            ..
        } = self;
        let access_jwt = |family: &Family, source: &mut Source| {
            let owner = accounts
                .iter()
                .find(|account| account.name == family.account)
                .map(|account| account.owner);
            let claims = json!({
                "iss": oauth_issuer,
                "sub": owner,
                "client_id": family.client_id,
                "scp": family.scope.split(' ').collect::<Vec<_>>(),
                "iat": now.timestamp(),
                "exp": (now + seconds(behaviour.access_token_seconds)).timestamp(),
                "jti": source.uuid(),
            });
            oauth_keys.sign(&claims, None)
        };
        let mut issuing = Issuing {
            now,
            behaviour,
            source,
            access_jwt: &access_jwt,
        };
        work(grants, &mut issuing)
    }

    pub(super) fn token_body(&mut self, issued: &Issued, note: &mut Note) -> Value {
        let family = self.grants.families()[issued.family].clone();
        note.family = Some(family.number);
        note.account = Some(family.account.clone());
        note.issued = vec![issued.access_token.clone()];
        note.issued.extend(issued.refresh_token.clone());
        let seconds = self.behaviour.access_token_seconds;
        let (expires_in, token_type) = match self.behaviour.shapes {
            // Hydra reckons after some milliseconds have passed, and cuts the fraction off.
            Shapes::Live => (seconds.saturating_sub(1), "bearer"),
            Shapes::Guide => (seconds, "Bearer"),
        };
        let mut body = json!({
            "access_token": issued.access_token,
            "expires_in": expires_in,
            "scope": family.scope,
            "token_type": token_type,
        });
        if let Some(token) = &issued.refresh_token {
            body["refresh_token"] = token.as_str().into();
        }
        let openid = family.scope.split(' ').any(|scope| scope == "openid");
        if self.behaviour.id_token && openid {
            body["id_token"] = self.id_token(&family).into();
        }
        body
    }

    fn id_token(&mut self, family: &Family) -> String {
        let now = self.clock.now().timestamp();
        let account = self.account(Some(&family.account));
        let subject = match account.map(|account| account.owner) {
            Some(owner) if !self.behaviour.foreign_subject => owner,
            _ => self.source.uuid(),
        };
        let claims = json!({
            "iss": self.oauth_issuer,
            "aud": [family.client_id],
            "sub": subject,
            "iat": now,
            "auth_time": now,
            "rat": now,
            "exp": now + 3600,
            "jti": self.source.uuid(),
        });
        self.oauth_keys.sign(&claims, self.behaviour.id_token_flaw)
    }

    fn note_owner(&self, token: &str, note: &mut Note) {
        if let Some(family) = self.grants.family_of(token) {
            note.family = Some(family.number);
            note.account = Some(family.account.clone());
        }
    }
}

/// The client of a form, if there is one of that name.
fn client(form: &Form) -> Result<&str> {
    if form.is_empty() {
        return Err(OAuthError::InvalidRequest(
            "The POST body can not be empty.",
        ));
    }
    let known = |id: &&str| *id == LAUNCHER || CLIENTS.iter().any(|(client, _)| client == id);
    form.get("client_id")
        .filter(known)
        .ok_or(OAuthError::InvalidClient)
}

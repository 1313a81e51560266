//! The session service: game sessions made, prolonged and ended.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    device::seconds, faults::TokenFlaw, form::Asked, journal::Note, keys::SignatureFlaw,
    options::Shapes, reply::Reply, sessions::Session, world::World,
};

/// A pair of tokens with its end.
struct Pair {
    session_token: String,
    expires_at: DateTime<Utc>,
    body: Value,
}

impl World {
    pub(super) fn session_keys(&self) -> Reply {
        Reply::json(200, &self.keys.published())
    }

    pub(super) fn session_new(
        &mut self,
        asked: &Asked,
        flaw: Option<TokenFlaw>,
        note: &mut Note,
    ) -> Reply {
        let now = self.clock.now();
        note.presented = asked.bearer().map(str::to_owned);
        let family = asked
            .bearer()
            .and_then(|token| self.grants.access(token, now));
        let Some(family) = family else {
            return self.bad_bearer(note);
        };
        let (number, name) = (family.number, family.account.clone());
        let server = family.scope.split(' ').any(|scope| scope == "auth:server");
        note.family = Some(number);
        note.account = Some(name.clone());
        if !server {
            return self.refuse(403, "forbidden", "insufficient scope", note);
        }
        let Some(profile) = profile_of(asked) else {
            return self.refuse(400, "bad_request", "invalid request body", note);
        };
        let Some(account) = self.account(Some(&name)) else {
            return self.bad_bearer(note);
        };
        if !account.owns_game {
            return self.refuse(403, "forbidden", "missing entitlement", note);
        }
        let Some(profile) = account.profile(profile).cloned() else {
            return self.refuse(404, "not_found", "profile not found", note);
        };
        let unlimited = account.unlimited_sessions;
        let live = self.sessions.live(now).get(&name).copied().unwrap_or(0);
        let full = |limit: u32| usize::try_from(limit).is_ok_and(|limit| live >= limit);
        if !unlimited && self.behaviour.session_limit.is_some_and(full) {
            return self.refuse(
                403,
                "session_limit_exceeded",
                "session limit exceeded",
                note,
            );
        }
        let pair = self.pair(profile.uuid, &profile.username, flaw);
        let id = self.source.uuid();
        note.session = Some(id);
        note.issued = vec![pair.session_token.clone()];
        self.sessions.add(Session {
            id,
            account: name,
            profile: profile.uuid,
            created_at: now,
            expires_at: pair.expires_at,
            refreshes: 0,
            session_token: pair.session_token,
            ended: None,
            ended_at: None,
        });
        Reply::json(self.behaviour.created_status, &pair.body)
    }

    pub(super) fn session_refresh(
        &mut self,
        asked: &Asked,
        flaw: Option<TokenFlaw>,
        note: &mut Note,
    ) -> Reply {
        let Some(session) = self.session_of(asked, note) else {
            return self.bad_bearer(note);
        };
        let account = self.account(Some(&session.account));
        let profile = account.and_then(|account| account.profile(session.profile));
        let username = profile.map(|profile| profile.username.clone());
        let pair = self.pair(session.profile, &username.unwrap_or_default(), flaw);
        note.issued = vec![pair.session_token.clone()];
        let dies = self.behaviour.old_session_token_dies;
        let ends = note.presented.as_deref().filter(|_| dies);
        self.sessions
            .refresh(session.id, pair.session_token, pair.expires_at, ends);
        Reply::json(200, &pair.body)
    }

    pub(super) fn session_delete(&mut self, asked: &Asked, note: &mut Note) -> Reply {
        let Some(session) = self.session_of(asked, note) else {
            return self.bad_bearer(note);
        };
        let now = self.clock.now();
        self.sessions.delete(session.id, now);
        Reply::empty(self.behaviour.deleted_status)
    }

    pub(super) fn session_of(&mut self, asked: &Asked, note: &mut Note) -> Option<Session> {
        let token = asked.bearer()?;
        note.presented = Some(token.to_owned());
        let session = self.sessions.of_token(token, self.clock.now())?.clone();
        note.session = Some(session.id);
        note.account = Some(session.account.clone());
        Some(session)
    }

    pub(super) fn bad_bearer(&self, note: &mut Note) -> Reply {
        let status = self.behaviour.bad_bearer_status;
        self.refuse(status, "unauthorized", "missing or invalid token", note)
    }

    pub(super) fn refuse(&self, status: u16, code: &str, text: &str, note: &mut Note) -> Reply {
        note.refused = Some(text.to_owned());
        Reply::refusal(status, self.behaviour.refusal_body, code, text)
    }

    fn pair(&mut self, profile: Uuid, username: &str, flaw: Option<TokenFlaw>) -> Pair {
        let now = self.clock.now();
        let expires_at = now + seconds(self.behaviour.session_seconds);
        let identity = json!({
            "username": username, "skin": "", "entitlements": ["game.base"],
        });
        let identity_token = self.session_jwt(profile, Some(identity), expires_at, flaw);
        let session_token = self.session_jwt(profile, None, expires_at, flaw);
        let until = match (flaw, self.behaviour.shapes) {
            (Some(TokenFlaw::UnreadableExpiresAt), _) => "in an hour".to_owned(),
            (_, Shapes::Live) => expires_at.to_rfc3339_opts(SecondsFormat::Nanos, true),
            (_, Shapes::Guide) => expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        };
        let mut body = json!({
            "sessionToken": session_token,
            "identityToken": identity_token,
            "expiresAt": until,
        });
        let missing = match flaw {
            Some(TokenFlaw::MissingIdentityToken) => Some("identityToken"),
            Some(TokenFlaw::MissingSessionToken) => Some("sessionToken"),
            Some(TokenFlaw::MissingExpiresAt) => Some("expiresAt"),
            _ => None,
        };
        if let (Some(field), Some(body)) = (missing, body.as_object_mut()) {
            body.remove(field);
        }
        Pair {
            session_token,
            expires_at,
            body,
        }
    }

    /// A token of the session service: an identity token where the profile is told.
    fn session_jwt(
        &mut self,
        profile: Uuid,
        identity: Option<Value>,
        expires_at: DateTime<Utc>,
        flaw: Option<TokenFlaw>,
    ) -> String {
        let now = self.clock.now().timestamp();
        let mut claims = json!({
            "iss": self.issuer,
            "sub": profile,
            "scope": "hytale:server",
            "iat": now,
            "exp": expires_at.timestamp(),
            "jti": self.source.uuid(),
        });
        let is_identity = identity.is_some();
        if let Some(identity) = identity {
            claims["profile"] = identity;
        }
        let mut signature: Option<SignatureFlaw> = None;
        match flaw {
            Some(TokenFlaw::Signature(flaw)) => signature = Some(flaw),
            Some(TokenFlaw::WrongIssuer) => claims["iss"] = format!("{}/", self.issuer).into(),
            Some(TokenFlaw::WrongSubject) => claims["sub"] = json!(self.source.uuid()),
            Some(TokenFlaw::WrongIdentitySubject) if is_identity => {
                claims["sub"] = json!(self.source.uuid());
            }
            Some(TokenFlaw::WrongSessionSubject) if !is_identity => {
                claims["sub"] = json!(self.source.uuid());
            }
            Some(TokenFlaw::UnreadableSubject) => claims["sub"] = "somebody".into(),
            Some(TokenFlaw::WrongScope) => claims["scope"] = "hytale:client".into(),
            Some(TokenFlaw::Expired) => claims["exp"] = (now - 3600).into(),
            Some(TokenFlaw::IdentityEndsSooner) if is_identity => {
                claims["exp"] = (now + 300).into();
            }
            Some(TokenFlaw::SessionEndsSooner) if !is_identity => {
                claims["exp"] = (now + 300).into();
            }
            Some(TokenFlaw::MissingExpiry) => {
                if let Some(claims) = claims.as_object_mut() {
                    claims.remove("exp");
                }
            }
            _ => {}
        }
        self.keys.sign(&claims, signature)
    }
}

/// The profile that a body names in its field `uuid`.
fn profile_of(asked: &Asked) -> Option<Uuid> {
    if asked.media_type().as_deref() != Some("application/json") {
        return None;
    }
    let body: Value = serde_json::from_slice(&asked.body).ok()?;
    Uuid::parse_str(body.get("uuid")?.as_str()?).ok()
}

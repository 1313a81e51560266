//! How a player joins a server: a grant for the server's audience, exchanged for an access token.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{device::seconds, form::Asked, journal::Note, reply::Reply, world::World};

/// A grant that has not been exchanged.
pub struct Join {
    player: Uuid,
    username: Value,
    audience: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Grant {
    identity_token: String,
    aud: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Exchange {
    authorization_grant: String,
    x509_fingerprint: String,
}

impl World {
    pub(super) fn join_grant(&mut self, asked: &Asked, note: &mut Note) -> Reply {
        if self.session_of(asked, note).is_none() {
            return self.bad_bearer(note);
        }
        let Ok(grant) = serde_json::from_slice::<Grant>(&asked.body) else {
            return self.refuse(400, "bad_request", "invalid request body", note);
        };
        let now = self.clock.now().timestamp();
        let claims = self.keys.verify(&grant.identity_token);
        let player = claims.as_ref().and_then(|claims| {
            let alive = claims["exp"].as_i64().is_some_and(|end| end > now);
            let player = Uuid::parse_str(claims["sub"].as_str()?).ok();
            player.filter(|_| alive)
        });
        let (Some(claims), Some(player)) = (claims, player) else {
            return self.refuse(401, "unauthorized", "invalid identity token", note);
        };
        let join = Join {
            player,
            username: claims["profile"]["username"].clone(),
            audience: grant.aud,
        };
        let name = self.source.token("");
        note.issued = vec![name.clone()];
        self.joins.insert(name.clone(), join);
        Reply::json(200, &json!({ "authorizationGrant": name }))
    }

    pub(super) fn join_token(&mut self, asked: &Asked, note: &mut Note) -> Reply {
        if self.session_of(asked, note).is_none() {
            return self.bad_bearer(note);
        }
        let Ok(exchange) = serde_json::from_slice::<Exchange>(&asked.body) else {
            return self.refuse(400, "bad_request", "invalid request body", note);
        };
        let Some(join) = self.joins.remove(&exchange.authorization_grant) else {
            return self.refuse(400, "bad_request", "invalid authorization grant", note);
        };
        let now = self.clock.now();
        let claims = json!({
            "iss": self.issuer,
            "sub": join.player,
            "aud": join.audience,
            "username": join.username,
            "iat": now.timestamp(),
            "exp": (now + seconds(self.behaviour.session_seconds)).timestamp(),
            "cnf": { "x5t#S256": exchange.x509_fingerprint },
        });
        let token = self.keys.sign(&claims, None);
        note.issued = vec![token.clone()];
        Reply::json(200, &json!({ "accessToken": token }))
    }
}

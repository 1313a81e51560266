//! The account data: profiles of an account, and of anybody.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{form::Asked, journal::Note, reply::Reply, world::World};

impl World {
    pub(super) fn profiles(&mut self, asked: &Asked, note: &mut Note) -> Reply {
        let Some(token) = asked.bearer() else {
            // Seen live: not 401, and no JSON.
            return refuse(note, "invalid authorization header");
        };
        note.presented = Some(token.to_owned());
        let family = match self.grants.access(token, self.clock.now()) {
            Some(family) if family.scope.split(' ').any(|scope| scope == "auth:server") => family,
            Some(_) => return refuse(note, "insufficient scope"),
            None => return refuse(note, "invalid access token"),
        };
        note.family = Some(family.number);
        note.account = Some(family.account.clone());
        let Some(account) = self.account(Some(&family.account)) else {
            return refuse(note, "invalid access token");
        };
        if !account.owns_game {
            return refuse(note, "missing entitlement");
        }
        let profiles = if account.profiles.is_empty() && account.null_profiles {
            Value::Null
        } else {
            json!(account.profiles)
        };
        Reply::json(
            200,
            &json!({ "owner": account.owner, "profiles": profiles }),
        )
    }

    pub(super) fn profile_look_up(&mut self, asked: &Asked, note: &mut Note) -> Reply {
        let Some(token) = asked.bearer() else {
            return refuse(note, "invalid authorization header");
        };
        note.presented = Some(token.to_owned());
        let now = self.clock.now();
        if self.sessions.of_token(token, now).is_none() {
            return refuse(note, "invalid session token");
        }
        let wanted = asked.path.rsplit('/').next().unwrap_or_default();
        let by_uuid = asked.path.starts_with("/account-data/profile/uuid/");
        let uuid = Uuid::parse_str(wanted).ok().filter(|_| by_uuid);
        let mut profiles = self.accounts.iter().flat_map(|account| &account.profiles);
        let found = profiles.find(|profile| match uuid {
            Some(uuid) => profile.uuid == uuid,
            None => !by_uuid && profile.username.eq_ignore_ascii_case(wanted),
        });
        match found {
            Some(profile) => Reply::json(200, profile),
            None => {
                note.refused = Some("no such profile".to_owned());
                Reply::text(404, "profile not found")
            }
        }
    }
}

fn refuse(note: &mut Note, why: &str) -> Reply {
    note.refused = Some(why.to_owned());
    Reply::text(403, why)
}

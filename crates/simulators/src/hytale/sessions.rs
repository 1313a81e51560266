//! Game sessions, each ended by its maker or by the hour.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, SubsecRound as _, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// By `DELETE`.
    Deleted,
    /// Its hour passed without a refresh.
    Lapsed,
    /// By the vendor, with others of its account.
    Revoked,
}

/// A game session.
#[derive(Clone, Debug, Serialize)]
pub struct Session {
    /// Its id, which no answer names.
    pub id: Uuid,
    /// Whose limit it counts for.
    pub account: String,
    /// Whom it plays as.
    pub profile: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it lapses.
    pub expires_at: DateTime<Utc>,
    /// How often it was refreshed.
    pub refreshes: u32,
    /// The newest session token.
    pub session_token: String,
    /// Whether and how it ended.
    pub ended: Option<Ended>,
    /// When.
    pub ended_at: Option<DateTime<Utc>>,
}

struct Bearer {
    session: Uuid,
    expires_at: DateTime<Utc>,
}

/// All sessions.
#[derive(Default)]
pub struct Sessions {
    order: Vec<Uuid>,
    sessions: HashMap<Uuid, Session>,
    /// Sessions that have not ended, as far as looked.
    open: Vec<Uuid>,
    bearers: HashMap<String, Bearer>,
}

impl Sessions {
    /// All sessions, in order of their making.
    pub fn all(&self) -> Vec<Session> {
        let known = |id| self.sessions.get(id).cloned();
        self.order.iter().filter_map(known).collect()
    }

    /// Live sessions by account.
    pub fn live(&mut self, now: DateTime<Utc>) -> BTreeMap<String, usize> {
        self.lapse(now);
        let mut live = BTreeMap::new();
        for session in self.open.iter().filter_map(|id| self.sessions.get(id)) {
            *live.entry(session.account.clone()).or_default() += 1;
        }
        live
    }

    /// Ends the sessions whose hour has passed.
    pub fn lapse(&mut self, now: DateTime<Utc>) {
        let passed = |session: &Session| session.expires_at <= now;
        self.end_those(passed, |session| (Ended::Lapsed, session.expires_at));
    }

    /// Ends all sessions of an account; returns how many there were.
    pub fn revoke(&mut self, account: &str, now: DateTime<Utc>) -> usize {
        self.lapse(now);
        let own = |session: &Session| session.account == account;
        self.end_those(own, |_| (Ended::Revoked, now))
    }

    fn end_those(
        &mut self,
        doomed: impl Fn(&Session) -> bool,
        how: impl Fn(&Session) -> (Ended, DateTime<Utc>),
    ) -> usize {
        let before = self.open.len();
        let sessions = &mut self.sessions;
        self.open.retain(|id| {
            let Some(session) = sessions.get_mut(id) else {
                return false;
            };
            if !doomed(session) {
                return true;
            }
            let (ended, at) = how(session);
            session.ended = Some(ended);
            session.ended_at = Some(at);
            false
        });
        before - self.open.len()
    }

    /// Adds a session.
    pub fn add(&mut self, session: Session) {
        let token_expires = session.expires_at.trunc_subsecs(0);
        self.bearers.insert(
            session.session_token.clone(),
            Bearer {
                session: session.id,
                expires_at: token_expires,
            },
        );
        self.order.push(session.id);
        self.open.push(session.id);
        self.sessions.insert(session.id, session);
    }

    /// The live session of a token that is good now.
    pub fn of_token(&mut self, token: &str, now: DateTime<Utc>) -> Option<&Session> {
        self.lapse(now);
        let bearer = self.bearers.get(token)?;
        let session = self.sessions.get(&bearer.session)?;
        (bearer.expires_at > now && session.ended.is_none()).then_some(session)
    }

    /// Prolongs a session with another token, and ends the one it was asked with if told to.
    pub fn refresh(
        &mut self,
        id: Uuid,
        token: String,
        expires_at: DateTime<Utc>,
        ends: Option<&str>,
    ) {
        if let Some(old) = ends {
            self.bearers.remove(old);
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.refreshes += 1;
        session.expires_at = expires_at;
        session.session_token.clone_from(&token);
        let bearer = Bearer {
            session: id,
            expires_at: expires_at.trunc_subsecs(0),
        };
        self.bearers.insert(token, bearer);
    }

    /// Ends a session and its tokens.
    pub fn delete(&mut self, id: Uuid, now: DateTime<Utc>) {
        self.end_those(|session| session.id == id, |_| (Ended::Deleted, now));
    }
}

//! Access and refresh tokens: families that began with one login each.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    device::seconds,
    options::{Behaviour, Shapes},
    reply::{ALREADY_USED, EXPIRED, MALFORMED, OAuthError},
    source::Source,
};

/// What has become of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FamilyState {
    /// Its newest refresh token can be spent.
    Alive,
    /// A spent refresh token was spent again: everything is revoked.
    Lost,
    /// Revoked through the endpoint or by its user.
    Revoked,
}

/// All tokens that began with one login.
#[derive(Clone, Debug, Serialize)]
pub struct Family {
    /// Its place in the order of logins, from 0.
    pub number: usize,
    /// Whose it is.
    pub account: String,
    /// The client.
    pub client_id: String,
    /// The scope.
    pub scope: String,
    /// What has become of it.
    pub state: FamilyState,
    /// Refreshes that gave tokens.
    pub refreshes: u32,
    /// Its refresh tokens, oldest first.
    pub refresh_tokens: Vec<String>,
}

enum State {
    Fresh,
    /// Spent first at this time.
    Spent(DateTime<Utc>),
    /// Revoked with its family.
    Inactive,
    /// Deleted for having been spent again.
    Gone,
}

struct Refresh {
    family: usize,
    expires_at: DateTime<Utc>,
    state: State,
}

struct Access {
    family: usize,
    expires_at: DateTime<Utc>,
}

/// Tokens that were just made.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The family.
    pub family: usize,
    /// The access token.
    pub access_token: String,
    /// A new refresh token.
    pub refresh_token: Option<String>,
}

/// All families and tokens.
#[derive(Default)]
pub struct Grants {
    families: Vec<Family>,
    refresh: HashMap<String, Refresh>,
    access: HashMap<String, Access>,
    access_of: HashMap<usize, Vec<String>>,
    presented: HashMap<String, u32>,
}

impl Grants {
    /// All families, in order of their logins.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// How many families were lost by spending a refresh token twice.
    pub fn lost(&self) -> usize {
        let lost = |family: &&Family| family.state == FamilyState::Lost;
        self.families.iter().filter(lost).count()
    }

    /// How often a refresh token was presented and looked at.
    pub fn spent(&self, refresh_token: &str) -> u32 {
        self.presented.get(refresh_token).copied().unwrap_or(0)
    }

    /// Refresh tokens that were presented more than once.
    pub fn spent_more_than_once(&self) -> usize {
        self.presented.values().filter(|count| **count > 1).count()
    }

    /// The family a token belongs to.
    pub fn family_of(&self, token: &str) -> Option<&Family> {
        let refresh = self.refresh.get(token).map(|token| token.family);
        let family = refresh.or_else(|| self.access.get(token).map(|token| token.family))?;
        self.families.get(family)
    }

    /// The family of an access token that is good now.
    pub fn access(&self, token: &str, now: DateTime<Utc>) -> Option<&Family> {
        let access = self.access.get(token)?;
        let family = self.families.get(access.family)?;
        (access.expires_at > now && family.state == FamilyState::Alive).then_some(family)
    }

    /// Begins a family.
    pub fn login(
        &mut self,
        account: &str,
        client_id: &str,
        scope: &str,
        issuing: &mut Issuing<'_>,
    ) -> Issued {
        let number = self.families.len();
        self.families.push(Family {
            number,
            account: account.to_owned(),
            client_id: client_id.to_owned(),
            scope: scope.to_owned(),
            state: FamilyState::Alive,
            refreshes: 0,
            refresh_tokens: Vec::new(),
        });
        let offline = scope.split(' ').any(|scope| scope == "offline");
        self.issue(number, offline, issuing)
    }

    /// Spends a refresh token.
    pub fn refresh(
        &mut self,
        token: &str,
        client_id: &str,
        issuing: &mut Issuing<'_>,
    ) -> Result<Issued, OAuthError> {
        let now = issuing.now;
        let malformed = OAuthError::InvalidGrant(Some(MALFORMED));
        let Some(refresh) = self.refresh.get_mut(token) else {
            return Err(malformed);
        };
        *self.presented.entry(token.to_owned()).or_default() += 1;
        let number = refresh.family;
        match refresh.state {
            State::Gone => return Err(malformed),
            State::Inactive => {
                refresh.state = State::Gone;
                return Err(OAuthError::InvalidGrant(Some(ALREADY_USED)));
            }
            State::Spent(at) if now >= at + seconds(issuing.behaviour.grace_seconds) => {
                self.end(number, FamilyState::Lost);
                // The token that told of the re-use is deleted, the others are only inactive.
                if let Some(refresh) = self.refresh.get_mut(token) {
                    refresh.state = State::Gone;
                }
                return Err(OAuthError::InvalidGrant(Some(ALREADY_USED)));
            }
            State::Fresh | State::Spent(_) => {}
        }
        if refresh.expires_at <= now {
            return Err(OAuthError::InvalidGrant(Some(EXPIRED)));
        }
        let Some(family) = self.families.get_mut(number) else {
            return Err(malformed);
        };
        if family.client_id != client_id {
            return Err(OAuthError::InvalidGrant(Some(
                "The OAuth 2.0 Client ID from this request does not match the ID during the initial token issuance.",
            )));
        }
        family.refreshes += 1;
        let rotation = issuing.behaviour.rotation;
        if rotation && matches!(refresh.state, State::Fresh) {
            refresh.state = State::Spent(now);
        }
        if rotation && issuing.behaviour.refresh_ends_access_tokens {
            self.end_access_tokens(number);
        }
        Ok(self.issue(number, rotation, issuing))
    }

    /// Revokes the family of a token, if this client has it.
    pub fn revoke(&mut self, token: &str, client_id: &str) -> Option<usize> {
        let family = self.family_of(token)?;
        let number = family.number;
        if family.client_id != client_id || family.state != FamilyState::Alive {
            return None;
        }
        self.end(number, FamilyState::Revoked);
        Some(number)
    }

    /// Revokes all that an account has; returns how many families ended.
    pub fn revoke_account(&mut self, account: &str) -> usize {
        let alive =
            |family: &&Family| family.account == account && family.state == FamilyState::Alive;
        let doomed: Vec<usize> = self
            .families
            .iter()
            .filter(alive)
            .map(|family| family.number)
            .collect();
        for number in &doomed {
            self.end(*number, FamilyState::Revoked);
        }
        doomed.len()
    }

    fn end(&mut self, number: usize, state: FamilyState) {
        let Some(family) = self.families.get_mut(number) else {
            return;
        };
        if family.state == FamilyState::Alive {
            family.state = state;
        }
        for token in &family.refresh_tokens {
            if let Some(refresh) = self.refresh.get_mut(token)
                && !matches!(refresh.state, State::Gone)
            {
                refresh.state = State::Inactive;
            }
        }
        self.end_access_tokens(number);
    }

    fn end_access_tokens(&mut self, number: usize) {
        for token in self.access_of.remove(&number).unwrap_or_default() {
            self.access.remove(&token);
        }
    }

    fn issue(&mut self, number: usize, with_refresh: bool, issuing: &mut Issuing<'_>) -> Issued {
        let access_token = match issuing.behaviour.shapes {
            Shapes::Live => issuing.source.token("ory_at_"),
            Shapes::Guide => {
                let family = &self.families[number];
                (issuing.access_jwt)(family, issuing.source)
            }
        };
        let access = Access {
            family: number,
            expires_at: issuing.now + seconds(issuing.behaviour.access_token_seconds),
        };
        self.access.insert(access_token.clone(), access);
        self.access_of
            .entry(number)
            .or_default()
            .push(access_token.clone());
        let refresh_token = with_refresh.then(|| issuing.source.token("ory_rt_"));
        if let Some(token) = &refresh_token {
            let refresh = Refresh {
                family: number,
                expires_at: issuing.now + seconds(issuing.behaviour.refresh_token_seconds),
                state: State::Fresh,
            };
            self.refresh.insert(token.clone(), refresh);
            if let Some(family) = self.families.get_mut(number) {
                family.refresh_tokens.push(token.clone());
            }
        }
        Issued {
            family: number,
            access_token,
            refresh_token,
        }
    }
}

/// What making tokens takes.
pub struct Issuing<'a> {
    /// The time.
    pub now: DateTime<Utc>,
    /// How the vendor behaves.
    pub behaviour: &'a Behaviour,
    /// Random values.
    pub source: &'a mut Source,
    /// Makes the guide's access tokens.
    pub access_jwt: &'a dyn Fn(&Family, &mut Source) -> String,
}

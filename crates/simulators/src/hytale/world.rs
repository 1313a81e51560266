//! One request after another: endpoint, fault, answer, journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    accounts::Account,
    device::Devices,
    faults::{Effect, Faults, TokenFlaw},
    form::Asked,
    grants::Grants,
    join::Join,
    journal::{Entry, Note, fingerprint},
    keys::Keys,
    options::{Behaviour, ConcurrentUse, Options},
    reply::{CONCURRENT, OAuthError, Reply},
    routes::Endpoint,
    sessions::Sessions,
    source::Source,
};
use crate::clock::Clock;

/// All that the vendor knows.
pub struct World {
    pub(super) base: String,
    pub(super) issuer: String,
    pub(super) oauth_issuer: String,
    pub(super) clock: Clock,
    pub(super) source: Source,
    pub(super) behaviour: Behaviour,
    pub(super) accounts: Vec<Account>,
    pub(super) devices: Devices,
    pub(super) grants: Grants,
    pub(super) sessions: Sessions,
    pub(super) keys: Keys,
    pub(super) oauth_keys: Keys,
    pub(super) faults: Faults,
    pub(super) journal: Vec<Entry>,
    pub(super) joins: BTreeMap<String, Join>,
    being_spent: BTreeSet<String>,
}

/// A request of which is decided what will happen to it.
pub struct Arrival {
    asked: Asked,
    endpoint: Result<Endpoint, u16>,
    /// The fault that struck it.
    pub effect: Option<Effect>,
    /// How long it takes until it is processed.
    pub takes: Duration,
    /// The refresh token that it has taken for itself.
    spending: Option<String>,
    collides: bool,
}

impl World {
    /// A vendor that has not been asked anything.
    pub fn new(base: String, options: Options) -> Self {
        let mut source = Source::new(options.seed);
        Self {
            base,
            issuer: options.issuer,
            oauth_issuer: options.oauth_issuer,
            clock: Clock::new(options.standing_clock),
            keys: Keys::new(&mut source),
            oauth_keys: Keys::new(&mut source),
            source,
            behaviour: options.behaviour,
            accounts: options.accounts,
            devices: Devices::default(),
            grants: Grants::default(),
            sessions: Sessions::default(),
            faults: Faults::default(),
            journal: Vec::new(),
            joins: BTreeMap::new(),
            being_spent: BTreeSet::new(),
        }
    }

    /// The account of this name or owner, or the first one.
    pub fn account(&self, named: Option<&str>) -> Option<&Account> {
        let Some(named) = named else {
            return self.accounts.first();
        };
        self.accounts
            .iter()
            .find(|account| account.name == named || account.owner.to_string() == named)
    }

    /// Decides what will happen to a request.
    pub fn arrive(&mut self, asked: Asked) -> Arrival {
        let form = asked.form();
        let endpoint = Endpoint::find(&asked.method, &asked.path, &form);
        let effect = endpoint
            .ok()
            .and_then(|endpoint| self.faults.strike(endpoint));
        let mut arrival = Arrival {
            asked,
            endpoint,
            takes: match effect {
                Some(Effect::Slow { seconds }) => Duration::from_secs_f64(seconds.max(0.0)),
                _ => Duration::ZERO,
            },
            effect,
            spending: None,
            collides: false,
        };
        if arrival.endpoint == Ok(Endpoint::RefreshToken)
            && arrival.processed()
            && let Some(token) = form.get("refresh_token")
        {
            arrival.takes += Duration::from_millis(self.behaviour.refresh_milliseconds);
            let refused = self.behaviour.concurrent_use == ConcurrentUse::Refused;
            if refused && !self.being_spent.insert(token.to_owned()) {
                arrival.collides = true;
                arrival.takes = Duration::ZERO;
            } else {
                arrival.spending = Some(token.to_owned());
            }
        }
        arrival
    }

    /// Lets a request have its effect, unless its fault prevents it, and writes it down.
    pub fn process(&mut self, arrival: &Arrival) -> Reply {
        if let Some(token) = &arrival.spending {
            self.being_spent.remove(token);
        }
        let mut note = Note::default();
        let processed = arrival.processed() && !arrival.collides;
        let reply = if arrival.collides {
            self.collision(&mut note)
        } else if processed {
            self.answer(arrival, &mut note)
        } else {
            self.struck(arrival, &mut note)
        };
        self.write_down(arrival, note, processed, reply.status);
        reply
    }

    fn collision(&self, note: &mut Note) -> Reply {
        note.refused = Some("invalid_request: concurrent".to_owned());
        OAuthError::InvalidRequest(CONCURRENT).reply(self.behaviour.shapes)
    }

    fn struck(&self, arrival: &Arrival, note: &mut Note) -> Reply {
        let form = arrival.asked.form();
        let token = ["refresh_token", "device_code", "token"]
            .into_iter()
            .find_map(|field| form.get(field));
        note.presented = token.or(arrival.asked.bearer()).map(str::to_owned);
        if let Some(family) = note
            .presented
            .as_deref()
            .and_then(|token| self.grants.family_of(token))
        {
            note.family = Some(family.number);
            note.account = Some(family.account.clone());
        }
        note.refused = Some("struck".to_owned());
        match arrival.effect {
            Some(Effect::Status {
                status,
                retry_after,
            }) => {
                let mut reply = Reply::text(status, "upstream fault");
                let wait = retry_after.map(|seconds| ("Retry-After", seconds.to_string()));
                reply.headers.extend(wait);
                reply
            }
            Some(Effect::Answer { status, ref body }) => Reply::json(status, body),
            Some(Effect::Html { status }) => Reply::proxy_page(status),
            Some(Effect::ConcurrentUse) => self.collision(note),
            _ => Reply::empty(500),
        }
    }

    fn answer(&mut self, arrival: &Arrival, note: &mut Note) -> Reply {
        let asked = &arrival.asked;
        let endpoint = match arrival.endpoint {
            Ok(endpoint) => endpoint,
            Err(status) => {
                note.refused = Some("no such endpoint".to_owned());
                return Reply::text(status, &format!("{status} page not found"));
            }
        };
        let flaw: Option<TokenFlaw> = match arrival.effect {
            Some(Effect::Flawed { flaw }) => Some(flaw),
            _ => None,
        };
        match endpoint {
            Endpoint::DeviceAuth => self.device_auth(asked, note),
            Endpoint::DeviceToken => self.device_token(asked, note),
            Endpoint::RefreshToken => self.refresh_token(asked, note),
            Endpoint::OtherToken => self.other_token(asked, note),
            Endpoint::Revoke => self.revoke(asked, note),
            Endpoint::Verify => self.verify(asked, note),
            Endpoint::OauthKeys => self.oauth_keys(),
            Endpoint::Profiles => self.profiles(asked, note),
            Endpoint::ProfileLookUp => self.profile_look_up(asked, note),
            Endpoint::SessionNew => self.session_new(asked, flaw, note),
            Endpoint::SessionRefresh => self.session_refresh(asked, flaw, note),
            Endpoint::SessionDelete => self.session_delete(asked, note),
            Endpoint::JoinGrant => self.join_grant(asked, note),
            Endpoint::JoinToken => self.join_token(asked, note),
            Endpoint::SessionKeys => self.session_keys(),
        }
    }

    fn write_down(&mut self, arrival: &Arrival, note: Note, processed: bool, status: u16) {
        let asked = &arrival.asked;
        let form = asked.form();
        self.journal.push(Entry {
            number: self.journal.len(),
            at: self.clock.now(),
            endpoint: arrival.endpoint.ok(),
            method: asked.method.clone(),
            path: asked.path.clone(),
            user_agent: asked.user_agent.clone(),
            client_id: form.get("client_id").map(str::to_owned),
            grant_type: form.get("grant_type").map(str::to_owned),
            fingerprint: note.presented.as_deref().map(fingerprint),
            presented: note.presented,
            account: note.account,
            family: note.family,
            session: note.session,
            issued: note.issued,
            status,
            outcome: note.refused.unwrap_or_else(|| "ok".to_owned()),
            processed,
            answered: arrival.answered(),
            fault: arrival.effect.clone(),
        });
    }
}

impl Arrival {
    fn processed(&self) -> bool {
        !matches!(
            self.effect,
            Some(
                Effect::Status { .. }
                    | Effect::Answer { .. }
                    | Effect::Hang
                    | Effect::Closed
                    | Effect::Html { .. }
                    | Effect::ConcurrentUse
            )
        )
    }

    fn answered(&self) -> bool {
        !matches!(
            self.effect,
            Some(Effect::Hang | Effect::Closed | Effect::ResponseLost | Effect::ResponseHangs)
        )
    }
}

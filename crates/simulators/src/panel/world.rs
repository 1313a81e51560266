//! One request after another: fault, route, key, limit, answer, record.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    access::{Access, Key, Resource, Scope},
    application, client,
    faults::{Effect, Faults},
    index::Index,
    limits::{Api, Limiter, Standing},
    query::Query,
    render::Renderer,
    reply::Reply,
    routes::{self, Route},
    state::State,
};

/// One request as the panel saw it.
#[derive(Clone, Debug, Serialize)]
pub struct RequestRecord {
    /// HTTP method.
    pub method: String,
    /// Path and query as sent.
    pub path_and_query: String,
    /// Status that was answered; 0 where the connection was reset instead.
    pub status: u16,
    /// When it arrived.
    pub at: DateTime<Utc>,
    /// Whether it arrived while a `Retry-After` of its API had not passed.
    pub in_retry_after: bool,
}

/// What a request says, as far as the panel looks.
pub struct Asked {
    /// HTTP method.
    pub method: String,
    /// Path with its percent signs decoded.
    pub path: String,
    /// Path and query as sent.
    pub path_and_query: String,
    /// The `Host` header.
    pub host: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `CF-Access-Client-Id` and `CF-Access-Client-Secret` headers.
    pub service_token: Option<(String, String)>,
    /// Whether its `Accept` begins with some kind of JSON.
    pub wants_json: bool,
}

/// How an answer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Whole.
    Whole,
    /// Not at all.
    Reset,
    /// Its first half only.
    ResetMidBody,
    /// After a silence.
    Late(Duration),
    /// Its second half after a silence.
    LateHalf(Duration),
}

/// What is decided over a request.
pub struct Decision {
    /// The answer.
    pub reply: Reply,
    /// The time that a real panel works for it.
    pub work: Duration,
    /// How it leaves.
    pub delivery: Delivery,
}

/// Milliseconds for an answer that needs no rows.
const LEAST_WORK: f64 = 10.0;

impl Decision {
    fn at_once(reply: Reply) -> Self {
        Self::after(LEAST_WORK, reply)
    }

    fn after(milliseconds: f64, reply: Reply) -> Self {
        Self {
            reply,
            work: Duration::from_secs_f64(milliseconds / 1000.0),
            delivery: Delivery::Whole,
        }
    }
}

/// The panel: what it holds, who may ask, what goes wrong, what was asked.
pub struct World {
    /// The rows.
    pub state: State,
    /// The keys.
    pub access: Access,
    /// The faults.
    pub faults: Faults,
    /// The rate limits.
    pub limiter: Limiter,
    /// The requests so far.
    pub requests: Vec<RequestRecord>,
    index: Option<Index>,
}

impl World {
    /// A panel that nobody has asked yet.
    pub fn new(state: State, access: Access, limiter: Limiter) -> Self {
        Self {
            state,
            access,
            faults: Faults::default(),
            limiter,
            requests: Vec::new(),
            index: None,
        }
    }

    /// To be called after every change of the rows.
    pub fn changed(&mut self) {
        self.index = None;
    }

    /// Answers a request and records it.
    pub fn decide(&mut self, asked: &Asked) -> Decision {
        let at = Utc::now();
        let api = routes::api(&asked.path);
        let in_retry_after = api.is_some_and(|api| self.limiter.inside_retry_after(api));
        let struck = self.faults.strike(&asked.path_and_query);
        let mut decision = self.under(struck.effect.as_ref(), asked, api);
        if !asked.wants_json {
            decision.reply = decision.reply.for_browsers();
        }
        let Self {
            state,
            access,
            faults,
            ..
        } = self;
        if faults.run_hooks(&struck, state, access) {
            self.changed();
        }
        let status = if decision.delivery == Delivery::Reset {
            0
        } else {
            decision.reply.status.as_u16()
        };
        let (method, path_and_query) = (asked.method.clone(), asked.path_and_query.clone());
        self.requests.push(RequestRecord {
            method,
            path_and_query,
            status,
            at,
            in_retry_after,
        });
        decision
    }

    fn under(&mut self, effect: Option<&Effect>, asked: &Asked, api: Option<Api>) -> Decision {
        match effect {
            Some(Effect::TooManyRequests { retry_after }) => self.refuse(*retry_after, api),
            Some(Effect::Maintenance) => Decision::at_once(Reply::maintenance()),
            Some(Effect::Html { status }) => {
                let status = actix_web::http::StatusCode::from_u16(*status).unwrap_or_default();
                Decision::at_once(Reply::html(
                    status,
                    status.canonical_reason().unwrap_or("Page"),
                ))
            }
            Some(Effect::LoginRedirect) => Decision::at_once(Reply::login_redirect(&asked.host)),
            Some(Effect::Reset) => Decision {
                delivery: Delivery::Reset,
                ..Decision::at_once(Reply::empty_500())
            },
            Some(Effect::ServerError) => {
                self.answer(asked, |_| Some(Reply::unexpected("RuntimeException")))
            }
            Some(Effect::EmptyServerError) => self.answer(asked, |_| Some(Reply::empty_500())),
            Some(Effect::Truncated) => {
                let mut decision = self.answer(asked, |_| None);
                let half = decision.reply.body.len() / 2;
                decision.reply.body.truncate(half);
                decision
            }
            Some(Effect::Stall { seconds }) => Decision {
                delivery: Delivery::Late(Duration::from_secs_f64(*seconds)),
                ..self.answer(asked, |_| None)
            },
            Some(Effect::StallMidBody { seconds }) => {
                let delivery = Delivery::LateHalf(Duration::from_secs_f64(*seconds));
                Decision {
                    delivery,
                    ..self.answer(asked, |_| None)
                }
            }
            Some(Effect::ResetMidBody) => Decision {
                delivery: Delivery::ResetMidBody,
                ..self.answer(asked, |_| None)
            },
            Some(Effect::Withdraw { resource }) => self.answer(asked, |access| {
                access.withdraw(*resource);
                None
            }),
            None => self.answer(asked, |_| None),
        }
    }

    fn refuse(&mut self, wait: u64, api: Option<Api>) -> Decision {
        let limits = &self.limiter.limits;
        let limit = if api == Some(Api::Client) {
            limits.client
        } else {
            limits.application
        };
        if let Some(api) = api {
            self.limiter.tell_to_wait(api, Duration::from_secs(wait));
        }
        let reset = u64::try_from(Utc::now().timestamp()).unwrap_or_default() + wait + 1;
        let standing = Standing {
            limit,
            remaining: 0,
            refused: None,
        };
        Decision::at_once(Reply::too_many_requests(wait, Some(reset)).with_standing(standing))
    }

    /// The answer as it should be, unless `instead`, asked once the key is known and counted, gives another.
    fn answer(
        &mut self,
        asked: &Asked,
        instead: impl FnOnce(&mut Access) -> Option<Reply>,
    ) -> Decision {
        let guarded = self.access.service_token.is_some();
        if guarded && self.access.service_token != asked.service_token {
            return Decision::at_once(Reply::access_redirect());
        }
        let (raw_path, query) = asked
            .path_and_query
            .split_once('?')
            .unwrap_or((&asked.path_and_query, ""));
        let Some((route, api)) = routes::route(&asked.path).zip(routes::api(&asked.path)) else {
            return Decision::at_once(Reply::missing_route(raw_path.trim_start_matches('/')));
        };
        if !matches!(asked.method.as_str(), "GET" | "HEAD") {
            return Decision::at_once(Reply::wrong_method(
                &asked.method,
                raw_path.trim_start_matches('/'),
            ));
        }
        let Some(key) = self.key(asked) else {
            let json = Reply::unauthenticated();
            return Decision::at_once(if asked.wants_json {
                json
            } else {
                Reply::login_redirect(&asked.host)
            });
        };
        if key.foreign_address {
            let detail = "This IP address (127.0.0.1) does not have permission to access the API using these credentials.";
            return Decision::at_once(Reply::denied(detail));
        }
        let standing = self.limiter.count(api, key.user);
        if let Some((wait, reset)) = standing.refused {
            return Decision::at_once(
                Reply::too_many_requests(wait, Some(reset)).with_standing(standing),
            );
        }
        let instead = instead(&mut self.access);
        let key = self.key(asked).unwrap_or(key);
        let mut decision = match instead {
            Some(reply) => Decision::at_once(reply),
            None => self.answer_known(&key, api, &route, &Query::parse(query), asked, raw_path),
        };
        decision.reply = decision.reply.with_standing(standing);
        decision
    }

    fn key(&self, asked: &Asked) -> Option<Key> {
        let secret = asked.authorization.as_ref()?.strip_prefix("Bearer ")?;
        let key = self.access.keys.get(secret).filter(|key| !key.expired)?;
        self.state
            .users
            .contains_key(&key.user)
            .then(|| key.clone())
    }

    fn answer_known(
        &mut self,
        key: &Key,
        api: Api,
        route: &Route,
        query: &Query,
        asked: &Asked,
        raw_path: &str,
    ) -> Decision {
        let index = self.index.get_or_insert_with(|| Index::new(&self.state));
        let Some(asker) = self.state.users.get(&key.user) else {
            return Decision::at_once(Reply::unauthenticated());
        };
        let url = format!("http://{}{raw_path}", asked.host);
        match (api, &key.scope) {
            (Api::Application, Scope::Client) if !asker.root_admin => Decision::at_once(
                Reply::denied("This account does not have permission to access the API."),
            ),
            (Api::Client, Scope::Application(_)) => Decision::at_once(Reply::denied(
                "You are attempting to use an application API key on an endpoint that requires a client API key.",
            )),
            (Api::Application, scope) => {
                let everything = BTreeSet::from(Resource::ALL);
                let readable = if let Scope::Application(readable) = scope {
                    readable
                } else {
                    &everything
                };
                let renderer = Renderer::new(&self.state, index, &self.faults, readable);
                let reply = application::answer(&renderer, route, query, url);
                Decision::after(renderer.milliseconds(), reply)
            }
            (Api::Client, Scope::Client) => {
                let everything = BTreeSet::from(Resource::ALL);
                let renderer = Renderer::new(&self.state, index, &self.faults, &everything);
                let answer = client::answer(&renderer, route, query, &url, asker);
                let delivery = if answer.silence.is_zero() {
                    Delivery::Whole
                } else {
                    Delivery::Late(answer.silence)
                };
                Decision {
                    delivery,
                    ..Decision::after(renderer.milliseconds(), answer.reply)
                }
            }
        }
    }
}

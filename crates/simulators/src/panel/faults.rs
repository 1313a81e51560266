//! Faults that can be switched on while the panel runs.
//!
//! A [`Fault`] strikes requests: those it matches, but for the first few, as often as told. Of several that match,
//! the one added first answers. Beside these, some rows and listings can be made to misbehave for as long as they
//! stand in [`Faults`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    access::{Access, Resource},
    rows::Id,
    state::State,
};

/// What a struck request gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// 429 with this `Retry-After`, in seconds.
    TooManyRequests {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// 500 with the panel's JSON error.
    ServerError,
    /// 500 with an empty body.
    EmptyServerError,
    /// 503 with the panel's JSON error and no `Retry-After`.
    Maintenance,
    /// An HTML page with this status.
    Html {
        /// HTTP status.
        status: u16,
    },
    /// 302 to the login page.
    LoginRedirect,
    /// The answer as it should be, cut off in the middle of its JSON, with a fitting `Content-Length`.
    Truncated,
    /// The connection is reset without an answer.
    Reset,
    /// The answer comes after this many seconds.
    Stall {
        /// Seconds of silence.
        seconds: f64,
    },
    /// Half of the answer comes, and the rest after this many seconds.
    StallMidBody {
        /// Seconds of silence.
        seconds: f64,
    },
    /// The connection is reset after half of the answer.
    ResetMidBody,
    /// From this request on, no application key may read the resource any more.
    Withdraw {
        /// What may no longer be read.
        resource: Resource,
    },
}

type Predicate = Box<dyn Fn(&str) -> bool + Send>;
type Hook = Box<dyn FnMut(&mut State, &mut Access) + Send>;

enum Action {
    Answer(Effect),
    Hook(Hook),
}

/// Something that happens to requests.
pub struct Fault {
    path: String,
    exact: bool,
    query: Option<String>,
    predicate: Option<Predicate>,
    skip: usize,
    times: Option<usize>,
    probability: f64,
    action: Action,
}

impl fmt::Debug for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match &self.action {
            Action::Answer(effect) => Some(effect),
            Action::Hook(_) => None,
        };
        formatter
            .debug_struct("Fault")
            .field("path", &self.path)
            .field("effect", &effect)
            .finish_non_exhaustive()
    }
}

impl Fault {
    /// A fault of every request, for good.
    pub fn new(effect: Effect) -> Self {
        Self::of(Action::Answer(effect), None)
    }

    /// Changes the panel once, right after a request has been answered: rows that come and go while pages are read.
    pub fn hook(change: impl FnMut(&mut State, &mut Access) + Send + 'static) -> Self {
        Self::of(Action::Hook(Box::new(change)), Some(1))
    }

    fn of(action: Action, times: Option<usize>) -> Self {
        Self {
            path: String::new(),
            exact: false,
            query: None,
            predicate: None,
            skip: 0,
            times,
            probability: 1.0,
            action,
        }
    }

    /// Only requests whose path begins so.
    #[must_use]
    pub fn on(mut self, path_prefix: &str) -> Self {
        path_prefix.clone_into(&mut self.path);
        self
    }

    /// Only requests with exactly this path.
    #[must_use]
    pub fn on_exactly(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self.exact = true;
        self
    }

    /// Only requests one of whose query parameters reads so as sent, such as `page=3`.
    #[must_use]
    pub fn with_query(mut self, parameter: &str) -> Self {
        self.query = Some(parameter.to_owned());
        self
    }

    /// Only requests whose path and query satisfy this.
    #[must_use]
    pub fn matching(mut self, predicate: impl Fn(&str) -> bool + Send + 'static) -> Self {
        self.predicate = Some(Box::new(predicate));
        self
    }

    /// Lets the first `count` matching requests pass.
    #[must_use]
    pub fn after(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Strikes this often at most.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }

    /// Strikes a matching request with this probability, 0 to 1.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    fn matches(&self, path_and_query: &str) -> bool {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let path_fits = if self.exact {
            path == self.path
        } else {
            path.starts_with(&self.path)
        };
        let query_fits = self
            .query
            .as_ref()
            .is_none_or(|wanted| query.split('&').any(|parameter| parameter == wanted));
        path_fits
            && query_fits
            && self
                .predicate
                .as_ref()
                .is_none_or(|predicate| predicate(path_and_query))
    }

    fn strikes(&mut self, path_and_query: &str, dice: &mut StdRng) -> bool {
        if self.times == Some(0) || !self.matches(path_and_query) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.probability < 1.0 && !dice.random_bool(self.probability.max(0.0)) {
            return false;
        }
        self.times = self.times.map(|left| left - 1);
        true
    }
}

/// All faults in force.
#[derive(Debug)]
pub struct Faults {
    /// Rows on which the panel breaks: their own address and every answer that holds them is a 500.
    pub poison: BTreeSet<(Resource, Id)>,
    /// Rows of which one field is replaced by this value, such as a number by a word.
    pub malformed: BTreeMap<(Resource, Id), (String, Value)>,
    /// Listings that are empty although their rows are there.
    pub empty: BTreeSet<Resource>,
    /// Listings that answer an empty 500 when asked for more rows a page than this.
    pub memory: BTreeMap<Resource, usize>,
    /// Listings that say they have so many rows, whatever they have.
    pub totals: BTreeMap<Resource, usize>,
    faults: Vec<Fault>,
    dice: StdRng,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            poison: BTreeSet::new(),
            malformed: BTreeMap::new(),
            empty: BTreeSet::new(),
            memory: BTreeMap::new(),
            totals: BTreeMap::new(),
            faults: Vec::new(),
            dice: StdRng::seed_from_u64(0),
        }
    }
}

/// What happens to one request.
pub struct Struck {
    /// How it is answered, if not as it should be.
    pub effect: Option<Effect>,
    hooks: Vec<usize>,
}

impl Faults {
    /// Puts a fault behind those there are.
    pub fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Ends all faults.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Makes the chances of [`Fault::probability`] repeatable.
    pub fn seed(&mut self, seed: u64) {
        self.dice = StdRng::seed_from_u64(seed);
    }

    /// Decides over a request.
    pub(super) fn strike(&mut self, path_and_query: &str) -> Struck {
        let mut struck = Struck {
            effect: None,
            hooks: Vec::new(),
        };
        for (place, fault) in self.faults.iter_mut().enumerate() {
            if matches!(fault.action, Action::Answer(_)) && struck.effect.is_some() {
                continue;
            }
            if fault.strikes(path_and_query, &mut self.dice) {
                match &fault.action {
                    Action::Answer(effect) => struck.effect = Some(effect.clone()),
                    Action::Hook(_) => struck.hooks.push(place),
                }
            }
        }
        struck
    }

    /// Lets the hooks of an answered request change the panel; says whether there were any.
    pub(super) fn run_hooks(
        &mut self,
        struck: &Struck,
        state: &mut State,
        access: &mut Access,
    ) -> bool {
        for place in &struck.hooks {
            if let Some(Fault {
                action: Action::Hook(hook),
                ..
            }) = self.faults.get_mut(*place)
            {
                hook(state, access);
            }
        }
        !struck.hooks.is_empty()
    }
}

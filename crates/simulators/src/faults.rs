//! Faults that can be switched on while a system runs; what they do is the system's own matter.
//!
//! A [`Fault`] strikes requests for its target, but for the first few, as often as told. Of several, the one added
//! first that can still strike does.

use serde::{Deserialize, Serialize};

/// Something that happens to requests; as JSON `{"on": "123", "method": "POST", "times": 1, "effect": "no_content"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault<E> {
    /// Only for this target; for all of them unless told.
    #[serde(default)]
    on: Option<String>,
    /// Only for requests with this method; for all of them unless told.
    #[serde(default)]
    method: Option<String>,
    /// Matching requests that pass before.
    #[serde(default)]
    after: usize,
    /// How often it strikes; until cleared unless told.
    #[serde(default)]
    times: Option<usize>,
    /// What struck requests get.
    effect: E,
}

impl<E: Clone> Fault<E> {
    /// A fault of every request, until cleared.
    pub fn new(effect: E) -> Self {
        Self {
            on: None,
            method: None,
            after: 0,
            times: None,
            effect,
        }
    }

    /// Only for this target.
    #[must_use]
    pub fn on(mut self, target: &str) -> Self {
        self.on = Some(target.to_owned());
        self
    }

    /// Only for requests with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Lets the first `count` matching requests pass.
    #[must_use]
    pub fn after(mut self, count: usize) -> Self {
        self.after = count;
        self
    }

    /// Strikes this often at most.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }

    fn strikes(&mut self, target: &str, method: &str) -> bool {
        let meant = |wanted: &Option<String>, given: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == given)
        };
        if self.times == Some(0) || !meant(&self.on, target) || !meant(&self.method, method) {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        self.times = self.times.map(|left| left - 1);
        true
    }
}

/// All faults in force.
#[derive(Debug)]
pub struct Faults<E>(Vec<Fault<E>>);

impl<E> Default for Faults<E> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<E: Clone> Faults<E> {
    /// Puts a fault behind those there are.
    pub fn add(&mut self, fault: Fault<E>) {
        self.0.push(fault);
    }

    /// Ends all faults.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Ends the faults that strike this target alone.
    pub fn clear_on(&mut self, target: &str) {
        self.0.retain(|fault| fault.on.as_deref() != Some(target));
    }

    /// Decides over a request.
    pub(crate) fn strike(&mut self, target: &str, method: &str) -> Option<E> {
        let effect = self.0.iter_mut().find_map(|fault| {
            let strikes = fault.strikes(target, method);
            strikes.then(|| fault.effect.clone())
        });
        self.0.retain(|fault| fault.times != Some(0));
        effect
    }
}

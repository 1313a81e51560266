//! What a wish for other settings changes, and whether it may. Pure: it decides about
//! values, the caller seals and stores them.

use super::error::Refused;
use super::overrides::Overrides;
use common::types::setting::repositories::{self, RepositoryChange};
use common::types::setting::{SETTINGS, Setting, WebOrigin};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is to become of one setting.
#[derive(Debug, Clone)]
enum Wish {
    /// This value, as [`Setting::check`] answers it.
    Set(SecretString),
    /// No stored value; the configuration counts again.
    Remove,
    /// A list that depends on the one that is there.
    Repositories(RepositoryChange),
}

/// What somebody wants to be changed, all or nothing.
#[derive(Debug, Clone, Default)]
pub struct Wishes(BTreeMap<&'static str, Wish>);

/// One setting that becomes another.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) setting: &'static Setting,
    /// The value to store; `None`: none.
    pub(super) after: Option<SecretString>,
    /// Of a secret: for whom it is given.
    pub(super) origin: Option<WebOrigin>,
    /// What trail and event say of it.
    pub(super) told: Value,
}

impl Wishes {
    /// Another value, as [`Setting::check`] or [`Setting::given`] answers it.
    pub fn set(&mut self, setting: &'static Setting, value: String) {
        self.0.insert(setting.key, Wish::Set(value.into()));
    }

    /// No stored value.
    pub fn remove(&mut self, setting: &'static Setting) {
        self.0.insert(setting.key, Wish::Remove);
    }

    /// Another list of repositories.
    pub fn repositories(&mut self, change: RepositoryChange) {
        self.0
            .insert(repositories::SETTING, Wish::Repositories(change));
    }

    /// Whether something is to be sealed.
    pub(super) fn need_sealing(&self) -> bool {
        let is_sealed = |(key, wish): (&&str, &Wish)| {
            matches!(wish, Wish::Set(_)) && Setting::of_key(key).is_some_and(Setting::is_secret)
        };
        self.0.iter().any(is_sealed)
    }

    /// What changes; nothing where all is so already.
    ///
    /// # Errors
    /// It must not.
    pub(super) fn against(&self, now: &Overrides) -> Result<Vec<Change>, Refused> {
        let moves = self.moves(now)?;
        let mut changes = Vec::new();
        for setting in SETTINGS {
            let Some(wish) = self.0.get(setting.key) else {
                continue;
            };
            let after = match wish {
                Wish::Remove => None,
                Wish::Set(value) => Some(value.clone()),
                Wish::Repositories(change) => Some(listed(setting, change, now)?),
            };
            let address = setting.bound_to;
            let origin = address.and_then(|address| self.origin_after(address, now));
            let moved = address.is_some_and(|address| moves.contains(&address));
            let is_same = match &after {
                Some(after) => !moved && is_value(setting, now, after),
                None => !now.is_stored(setting),
            };
            if !is_same {
                let told = self.told(setting, now, after.as_ref());
                changes.push(Change {
                    setting,
                    after,
                    origin,
                    told,
                });
            }
        }
        Ok(changes)
    }

    /// The addresses that change to another origin; refused where a secret that counts at
    /// the present one is neither given anew nor removed.
    fn moves(&self, now: &Overrides) -> Result<Vec<&'static str>, Refused> {
        let mut moves = Vec::new();
        for &address in self.0.keys() {
            if self.origin_after(address, now) == now.origin(address) {
                continue;
            }
            let left = Setting::bound_to(address)
                .find(|secret| now.has(secret) && !self.0.contains_key(secret.key));
            if let Some(secret) = left {
                return Err(Refused::KeyNeeded(secret));
            }
            moves.push(address);
        }
        Ok(moves)
    }

    fn origin_after(&self, address: &str, now: &Overrides) -> Option<WebOrigin> {
        match self.0.get(address) {
            Some(Wish::Set(url)) => WebOrigin::of(url.expose_secret()),
            Some(Wish::Remove) => now.configured_origin(address),
            _ => now.origin(address),
        }
    }

    fn told(&self, setting: &Setting, now: &Overrides, after: Option<&SecretString>) -> Value {
        let (before, after) = if setting.is_secret() {
            let was_there = now.has(setting) || now.is_stored(setting);
            let after = match (was_there, after) {
                (_, None) => "removed",
                (true, Some(_)) => "changed",
                (false, Some(_)) => "set",
            };
            (json!(was_there.then_some("set")), json!(after))
        } else {
            let after = after.or_else(|| now.configured(setting));
            let after = after.map(|value| value.expose_secret());
            (now.shown(setting), setting.shown(after))
        };
        json!({ "key": setting.key, "before": before, "after": after })
    }
}

fn listed(
    setting: &'static Setting,
    change: &RepositoryChange,
    now: &Overrides,
) -> Result<SecretString, Refused> {
    let list = change.applied(now.repositories());
    let list = list.map_err(|invalid| Refused::Invalid(setting, invalid))?;
    Ok(repositories::write(&list).into())
}

/// Whether this value counts already: a form that is sent back whole stores nothing that
/// the configuration or a default says.
fn is_value(setting: &Setting, now: &Overrides, value: &SecretString) -> bool {
    if setting.is_secret() {
        let counts = now.value(setting).ok().flatten();
        return counts.is_some_and(|it| it.expose_secret() == value.expose_secret());
    }
    now.text(setting).as_deref() == Some(value.expose_secret())
}

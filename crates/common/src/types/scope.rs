//! What a credential may be used for.

use super::sync::UnknownName;
use std::fmt;
use std::str::FromStr;

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Ask for syncs, cancel and confirm them, look at them.
    Sync,
    /// Use the caller's own Hytale accounts.
    Hytale,
    /// Use every Hytale account, those without an owner included.
    HytaleAll,
    /// Have messages sent.
    Notify,
    /// Write the logs of servers.
    Logs,
    /// Read what is mirrored, and how syncs stand.
    Read,
    /// Administer the installation.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Sync,
        Self::Hytale,
        Self::HytaleAll,
        Self::Notify,
        Self::Logs,
        Self::Read,
        Self::Admin,
    ];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Hytale => "hytale",
            Self::HytaleAll => "hytale:all",
            Self::Notify => "notify",
            Self::Logs => "logs",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownName {
                what: "scope",
                given: text.to_owned(),
                known: Self::ALL.map(Self::as_str).join(", "),
            })
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// None.
    pub const NONE: Self = Self(0);

    /// The set with one more.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | bit(scope))
    }

    /// The set without one.
    #[must_use]
    pub const fn without(self, scope: Scope) -> Self {
        Self(self.0 & !bit(scope))
    }

    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether a scope is in the set.
    #[must_use]
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// Whether at least one of these is in the set.
    #[must_use]
    pub fn has_any(self, scopes: &[Scope]) -> bool {
        scopes.iter().any(|&scope| self.has(scope))
    }

    /// What is in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes in it, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |&scope| self.has(scope))
    }

    /// The words that are stored.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        self.iter().map(Scope::as_str).collect()
    }

    /// The set that stored words make. A word that is not known grants nothing.
    #[must_use]
    pub fn of_words(words: &[impl AsRef<str>]) -> Self {
        words
            .iter()
            .filter_map(|word| word.as_ref().parse().ok())
            .collect()
    }
}

const fn bit(scope: Scope) -> u8 {
    1 << scope as u8
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.words()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_into_it_and_nothing_else() {
        for scope in Scope::ALL {
            let only = Scopes::NONE.with(scope);
            assert_eq!(only.iter().collect::<Vec<_>>(), [scope]);
            assert!(!Scopes::all().without(scope).has(scope));
            assert_eq!(Scopes::of_words(&only.words()), only);
        }
    }

    #[test]
    fn words_that_are_not_known_grant_nothing() {
        let words = ["root", "HYTALE", "", "hytale:"].map(str::to_owned);
        assert!(Scopes::of_words(&words).is_empty());
    }
}

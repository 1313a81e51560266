//! Settings that administrators change while the installation runs: what there is, what
//! a value must look like, and who may see it. Website, command line, documentation and
//! checks all come from [`SETTINGS`].

mod origin;
mod reference;
mod registry;
pub mod repositories;
mod value;

pub use origin::WebOrigin;
pub use reference::reference;
pub use registry::SETTINGS;
pub use value::Invalid;

/// Stands for a secret in whatever is shown; sent back, it means that nothing changes.
pub const MASK: &str = "••••••••••••••••••••";

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any line of text.
    Text,
    /// An address of the web, to which paths can be added.
    Url,
    /// Yes or no.
    Bool,
    /// A whole number.
    Integer {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// An e-mail address.
    Email,
    /// An e-mail address, perhaps with a name: `NodeByte <mail@node.example>`.
    Sender,
    /// Repositories at GitHub, each `owner/repo`.
    Repositories,
    /// What nobody may see again. One word, since it is sent in headers.
    Secret,
}

/// Who may see a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Whoever looks at the website.
    Everybody,
    /// Administrators.
    Administrators,
    /// Nobody: it is masked.
    Nobody,
}

impl Seen {
    /// The word in the documentation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Everybody => "everybody",
            Self::Administrators => "administrators",
            Self::Nobody => "nobody",
        }
    }
}

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its key, in the database and at the command line.
    pub key: &'static str,
    /// Its name in JSON, as the website knows it.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What counts where neither database nor configuration says anything, as text.
    pub default: &'static str,
    /// What a number counts.
    pub unit: Option<&'static str>,
    /// Who may see it.
    pub seen: Seen,
    /// The environment variable that it overrides.
    pub environment: Option<&'static str>,
    /// Of a secret: key of the address whose origin it is given for, and goes to alone.
    pub bound_to: Option<&'static str>,
    /// What it is for.
    pub meaning: &'static str,
}

impl Setting {
    /// Whether its value is sealed in the database and masked everywhere else.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    /// The setting with this key.
    #[must_use]
    pub fn of_key(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The setting with this name in JSON.
    #[must_use]
    pub fn of_name(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// The secrets that are given for the origin of the address with this key.
    pub fn bound_to(address: &str) -> impl Iterator<Item = &'static Self> {
        let is_bound = move |setting: &&Self| setting.bound_to == Some(address);
        SETTINGS.iter().filter(is_bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn keys_and_names_are_unique() {
        let keys: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!((keys.len(), names.len()), (SETTINGS.len(), SETTINGS.len()));
    }

    #[test]
    fn what_is_secret_is_seen_by_nobody_and_has_no_default() {
        let secrets: Vec<_> = SETTINGS.iter().filter(|it| it.is_secret()).collect();
        assert_eq!(secrets.len(), 8);
        for setting in SETTINGS {
            assert_eq!(setting.is_secret(), setting.seen == Seen::Nobody);
            assert!(!setting.is_secret() || setting.default.is_empty());
            assert!(setting.bound_to.is_none() || setting.is_secret());
        }
    }

    #[test]
    fn a_secret_is_bound_to_an_address() {
        for url in SETTINGS.iter().filter_map(|setting| setting.bound_to) {
            assert_eq!(Setting::of_key(url).map(|it| it.kind), Some(Kind::Url));
        }
    }

    #[test]
    fn every_default_is_a_value_or_nothing() {
        for setting in SETTINGS.iter().filter(|it| !it.default.is_empty()) {
            let checked = setting.check(setting.default);
            assert_eq!(checked.as_deref(), Ok(setting.default), "{}", setting.key);
        }
    }

    #[test]
    fn the_mask_is_twenty_bullets() {
        assert_eq!(MASK, "\u{2022}".repeat(20));
    }
}

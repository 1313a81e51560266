//! People with an account of their own, as the gateway knows them.

use super::scope::{Scope, Scopes};
use super::sync::UnknownName;
use std::fmt;
use std::str::FromStr;

/// What a user is to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// A customer.
    Member,
    /// A partner.
    Partner,
    /// A sponsor.
    Sponsor,
    /// Of the technical team.
    TechTeam,
    /// Of the support team.
    SupportTeam,
    /// Administers the installation.
    Administrator,
    /// Administers the installation.
    SuperAdmin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Member,
        Self::Partner,
        Self::Sponsor,
        Self::TechTeam,
        Self::SupportTeam,
        Self::Administrator,
        Self::SuperAdmin,
    ];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "MEMBER",
            Self::Partner => "PARTNER",
            Self::Sponsor => "SPONSOR",
            Self::TechTeam => "TECH_TEAM",
            Self::SupportTeam => "SUPPORT_TEAM",
            Self::Administrator => "ADMINISTRATOR",
            Self::SuperAdmin => "SUPER_ADMIN",
        }
    }

    /// What a user of this role may do. Everybody may use Hytale accounts of their own;
    /// nobody's role reaches to those of others (`hytale:all` is for services).
    #[must_use]
    pub fn scopes(self) -> Scopes {
        match self {
            Self::Administrator | Self::SuperAdmin => Scopes::all().without(Scope::HytaleAll),
            _ => Scopes::NONE.with(Scope::Hytale),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownName {
                what: "role",
                given: text.to_owned(),
                known: Self::ALL.map(Self::as_str).join(", "),
            })
    }
}

/// What a user of all these roles may do. A word that is no role grants nothing.
#[must_use]
pub fn scopes_of(roles: &[String]) -> Scopes {
    roles
        .iter()
        .filter_map(|word| word.parse::<Role>().ok())
        .flat_map(|role| role.scopes().iter())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_administrators_may_more_than_use_their_own_accounts() {
        for role in Role::ALL {
            let scopes = scopes_of(&[role.to_string()]);
            let admin = matches!(role, Role::Administrator | Role::SuperAdmin);
            assert_eq!(scopes.has(Scope::Admin), admin, "{role}");
            assert!(scopes.has(Scope::Hytale), "{role}");
            assert!(!scopes.has(Scope::HytaleAll), "{role}");
            assert_eq!(role.as_str().parse(), Ok(role));
        }
    }

    #[test]
    fn words_that_are_no_role_grant_nothing() {
        let words = ["admin", "super_admin", "", "ROOT"].map(str::to_owned);
        assert!(scopes_of(&words).is_empty());
    }
}

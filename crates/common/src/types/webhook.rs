//! Who is told what: the types and scopes that events have and webhooks ask for, and
//! what a webhook is.

use std::fmt;
use std::str::FromStr;

/// What an event is about, and what a webhook is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebhookType {
    /// Game servers and what belongs to them.
    GameServer,
    /// Virtual servers.
    Vps,
    /// The installation itself.
    System,
    /// Invoices and payments.
    Billing,
    /// Credentials and attacks.
    Security,
    /// Tickets.
    Support,
    /// What partners and internal services say under names of their own.
    Custom,
}

impl WebhookType {
    /// All of them, in the order that the website shows.
    pub const ALL: [Self; 7] = [
        Self::GameServer,
        Self::Vps,
        Self::System,
        Self::Billing,
        Self::Security,
        Self::Support,
        Self::Custom,
    ];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GameServer => "GAME_SERVER",
            Self::Vps => "VPS",
            Self::System => "SYSTEM",
            Self::Billing => "BILLING",
            Self::Security => "SECURITY",
            Self::Support => "SUPPORT",
            Self::Custom => "CUSTOM",
        }
    }
}

/// How public an event is, and how much a webhook may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WebhookScope {
    /// For everybody.
    Public,
    /// For customers.
    User,
    /// For those who run the installation.
    Admin,
}

impl WebhookScope {
    /// All of them, the least public one first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::User, Self::Public];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::User => "USER",
            Self::Public => "PUBLIC",
        }
    }

    /// Whether a webhook of this scope may see an event of that scope: one of its own, or
    /// of a more public one.
    #[must_use]
    pub fn sees(self, event: Self) -> bool {
        self >= event
    }
}

/// What stands at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebhookKind {
    /// A channel of Discord.
    Discord,
    /// A system that checks our signature (<https://www.standardwebhooks.com>).
    Signed,
}

impl WebhookKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Discord, Self::Signed];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discord => "discord",
            Self::Signed => "signed",
        }
    }
}

/// There is no such type, scope or kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is none of {0}")]
pub struct UnknownWord(&'static str);

macro_rules! words {
    ($($name:ident: $known:literal;)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL
                    .into_iter()
                    .find(|known| known.as_str() == text)
                    .ok_or(UnknownWord($known))
            }
        }
    )*};
}

words! {
    WebhookType: "GAME_SERVER, VPS, SYSTEM, BILLING, SECURITY, SUPPORT and CUSTOM";
    WebhookScope: "ADMIN, USER and PUBLIC";
    WebhookKind: "discord and signed";
}

/// Whom an event is for: webhooks of its type that may see its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audience {
    /// What the event is about.
    pub about: WebhookType,
    /// How public it is.
    pub scope: WebhookScope,
}

impl Audience {
    /// Events under names that the registry does not know.
    pub const UNKNOWN: Self = Self {
        about: WebhookType::Custom,
        scope: WebhookScope::Admin,
    };

    /// Whether a webhook of this type and scope is told.
    #[must_use]
    pub fn includes(self, about: WebhookType, scope: WebhookScope) -> bool {
        self.about == about && scope.sees(self.scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_sees_its_own_type_at_its_own_scope_and_more_public_ones() {
        use WebhookScope::{Admin, Public, User};
        let told = |scope, event| {
            Audience {
                about: WebhookType::System,
                scope: event,
            }
            .includes(WebhookType::System, scope)
        };
        assert!(told(Admin, Admin) && told(Admin, User) && told(Admin, Public));
        assert!(!told(User, Admin) && told(User, User) && told(User, Public));
        assert!(!told(Public, Admin) && !told(Public, User) && told(Public, Public));
        assert!(!Audience::UNKNOWN.includes(WebhookType::System, Admin));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for known in WebhookType::ALL {
            assert_eq!(known.as_str().parse(), Ok(known));
        }
        for known in WebhookScope::ALL {
            assert_eq!(known.as_str().parse(), Ok(known));
        }
        for known in WebhookKind::ALL {
            assert_eq!(known.as_str().parse(), Ok(known));
        }
        assert!("system".parse::<WebhookType>().is_err());
    }
}

//! What the vendor can be asked, and how carefully.

/// A host has its own breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Host {
    /// Device flow and tokens.
    OAuth,
    /// Profiles.
    AccountData,
    /// Game sessions and their keys.
    Sessions,
}

/// What repeating a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that matters.
    Harmless,
    /// Something twice: only repeated where the first one was surely not carried out.
    Creates,
    /// A token that is good once is lost: never repeated here.
    Spends,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    DeviceCode,
    Poll,
    Refresh,
    Revoke,
    Profiles,
    SessionNew,
    SessionRefresh,
    SessionEnd,
    SessionKeys,
    OAuthKeys,
}

impl Operation {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::DeviceCode => "device_code",
            Self::Poll => "poll",
            Self::Refresh => "refresh",
            Self::Revoke => "revoke",
            Self::Profiles => "profiles",
            Self::SessionNew => "session_new",
            Self::SessionRefresh => "session_refresh",
            Self::SessionEnd => "session_end",
            Self::SessionKeys => "session_keys",
            Self::OAuthKeys => "oauth_keys",
        }
    }

    pub(super) fn host(self) -> Host {
        match self {
            Self::DeviceCode | Self::Poll | Self::Refresh | Self::Revoke | Self::OAuthKeys => {
                Host::OAuth
            }
            Self::Profiles => Host::AccountData,
            Self::SessionNew | Self::SessionRefresh | Self::SessionEnd | Self::SessionKeys => {
                Host::Sessions
            }
        }
    }

    pub(super) fn effect(self) -> Effect {
        match self {
            Self::Poll | Self::Refresh => Effect::Spends,
            // Refreshing may kill the old session token.
            Self::SessionNew | Self::SessionRefresh => Effect::Creates,
            Self::DeviceCode
            | Self::Revoke
            | Self::Profiles
            | Self::SessionEnd
            | Self::SessionKeys
            | Self::OAuthKeys => Effect::Harmless,
        }
    }

    /// Below the host's base.
    pub(super) fn path(self) -> &'static [&'static str] {
        match self {
            Self::DeviceCode => &["oauth2", "device", "auth"],
            Self::Poll | Self::Refresh => &["oauth2", "token"],
            Self::Revoke => &["oauth2", "revoke"],
            Self::Profiles => &["my-account", "get-profiles"],
            Self::SessionNew => &["game-session", "new"],
            Self::SessionRefresh => &["game-session", "refresh"],
            Self::SessionEnd => &["game-session"],
            Self::SessionKeys | Self::OAuthKeys => &[".well-known", "jwks.json"],
        }
    }

    /// Longest body that is read, in bytes.
    pub(super) fn body_cap(self) -> usize {
        match self {
            Self::SessionKeys | Self::OAuthKeys => 256 << 10,
            _ => 64 << 10,
        }
    }

    /// Whether failures are spoken in OAuth's words (RFC 6749, section 5.2).
    pub(super) fn speaks_oauth(self) -> bool {
        self.host() == Host::OAuth && self != Self::OAuthKeys
    }
}

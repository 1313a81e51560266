//! What the trail of administration tells of.

use std::str::FromStr;

/// What an operator or administrator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdminEvent {
    /// A client of the gateway was made.
    ApiClientCreated,
    /// A client got a key.
    ApiKeyCreated,
    /// A key was revoked.
    ApiKeyRevoked,
    /// A user was made.
    UserCreated,
    /// A user may use the installation again.
    UserEnabled,
    /// A user may no longer use the installation.
    UserDisabled,
    /// A user got other roles.
    UserRolesChanged,
    /// All tokens that a user had were revoked.
    UserTokensRevoked,
    /// A token was made for a user.
    TokenMinted,
    /// A token was revoked.
    TokenRevoked,
    /// Tokens are signed with a new key.
    SigningKeyCreated,
    /// A key was dropped, and all tokens that it signed with it.
    SigningKeyDropped,
    /// A rate limit was set for somebody.
    RateLimitSet,
    /// The usual limit holds for somebody again.
    RateLimitUnset,
    /// Somebody may use a Hytale account.
    AccountOwnerAdded,
    /// Somebody may no longer use a Hytale account.
    AccountOwnerRemoved,
    /// A webhook was made.
    WebhookCreated,
    /// A webhook became another.
    WebhookChanged,
    /// A webhook was removed.
    WebhookDeleted,
    /// Deliveries were made again.
    DeliveriesReplayed,
    /// Dead deliveries were deleted.
    DeliveriesPurged,
    /// Settings were changed.
    SettingsChanged,
    /// Mail may be sent again to an address that bounced or complained.
    MailSuppressionLifted,
    /// A dead mail is tried again.
    MailReplayed,
    /// Secrets are sealed with a new key.
    DataKeyCreated,
    /// The keys that seal secrets are wrapped by another `ENCRYPTION_KEY`.
    DataKeysRewrapped,
    /// A key that sealed nothing any more was dropped.
    DataKeyDropped,
}

/// The text names no event of the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such event in the trail of administration")]
pub struct UnknownAdminEvent;

impl FromStr for AdminEvent {
    type Err = UnknownAdminEvent;

    fn from_str(text: &str) -> Result<Self, UnknownAdminEvent> {
        let named = Self::ALL.into_iter().find(|event| event.as_str() == text);
        named.ok_or(UnknownAdminEvent)
    }
}

impl AdminEvent {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::ApiClientCreated,
        Self::ApiKeyCreated,
        Self::ApiKeyRevoked,
        Self::UserCreated,
        Self::UserEnabled,
        Self::UserDisabled,
        Self::UserRolesChanged,
        Self::UserTokensRevoked,
        Self::TokenMinted,
        Self::TokenRevoked,
        Self::SigningKeyCreated,
        Self::SigningKeyDropped,
        Self::RateLimitSet,
        Self::RateLimitUnset,
        Self::AccountOwnerAdded,
        Self::AccountOwnerRemoved,
        Self::WebhookCreated,
        Self::WebhookChanged,
        Self::WebhookDeleted,
        Self::DeliveriesReplayed,
        Self::DeliveriesPurged,
        Self::SettingsChanged,
        Self::MailSuppressionLifted,
        Self::MailReplayed,
        Self::DataKeyCreated,
        Self::DataKeysRewrapped,
        Self::DataKeyDropped,
    ];

    /// The word that is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiClientCreated => "API_CLIENT_CREATED",
            Self::ApiKeyCreated => "API_KEY_CREATED",
            Self::ApiKeyRevoked => "API_KEY_REVOKED",
            Self::UserCreated => "USER_CREATED",
            Self::UserEnabled => "USER_ENABLED",
            Self::UserDisabled => "USER_DISABLED",
            Self::UserRolesChanged => "USER_ROLES_CHANGED",
            Self::UserTokensRevoked => "USER_TOKENS_REVOKED",
            Self::TokenMinted => "TOKEN_MINTED",
            Self::TokenRevoked => "TOKEN_REVOKED",
            Self::SigningKeyCreated => "SIGNING_KEY_CREATED",
            Self::SigningKeyDropped => "SIGNING_KEY_DROPPED",
            Self::RateLimitSet => "RATE_LIMIT_SET",
            Self::RateLimitUnset => "RATE_LIMIT_UNSET",
            Self::AccountOwnerAdded => "ACCOUNT_OWNER_ADDED",
            Self::AccountOwnerRemoved => "ACCOUNT_OWNER_REMOVED",
            Self::WebhookCreated => "WEBHOOK_CREATED",
            Self::WebhookChanged => "WEBHOOK_CHANGED",
            Self::WebhookDeleted => "WEBHOOK_DELETED",
            Self::DeliveriesReplayed => "DELIVERIES_REPLAYED",
            Self::DeliveriesPurged => "DELIVERIES_PURGED",
            Self::SettingsChanged => "SETTINGS_CHANGED",
            Self::MailSuppressionLifted => "MAIL_SUPPRESSION_LIFTED",
            Self::MailReplayed => "MAIL_REPLAYED",
            Self::DataKeyCreated => "DATA_KEY_CREATED",
            Self::DataKeysRewrapped => "DATA_KEYS_REWRAPPED",
            Self::DataKeyDropped => "DATA_KEY_DROPPED",
        }
    }
}

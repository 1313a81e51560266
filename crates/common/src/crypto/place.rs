//! Every place in the database where a secret lies sealed. Nothing can be sealed for
//! another one, so whoever goes through these has gone through all.

use super::envelope::Aad;

/// A table and a column. What is sealed for one opens in no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A setting; its row is its key.
    Setting,
    /// A panel's key of the Application API; its row is the panel's id.
    PanelApplicationKey,
    /// A panel's key of the Client API; its row is the panel's id.
    PanelClientKey,
    /// A key that signs access tokens; its row is the key's id.
    SigningKey,
    /// A webhook's address; its row is the webhook's id.
    WebhookAddress,
    /// A webhook's signing secret, the present one or the one before; its row is the
    /// webhook's id.
    WebhookSecret,
    /// A Hytale account's access token; its row is `environment/account_id`.
    AccountAccess,
    /// A Hytale account's refresh token; its row is `environment/account_id`.
    AccountRefresh,
    /// A login's access token; its row is the login's id.
    LoginAccess,
    /// A login's refresh token; its row is the login's id.
    LoginRefresh,
    /// A login's id token; its row is the login's id.
    LoginId,
    /// A game session's session token; its row is the session's id.
    SessionToken,
    /// A game session's identity token; its row is the session's id.
    SessionIdentity,
    /// The body of a mail that holds a one-time link; its row is the mail's id.
    MailBody,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Setting,
        Self::PanelApplicationKey,
        Self::PanelClientKey,
        Self::SigningKey,
        Self::WebhookAddress,
        Self::WebhookSecret,
        Self::AccountAccess,
        Self::AccountRefresh,
        Self::LoginAccess,
        Self::LoginRefresh,
        Self::LoginId,
        Self::SessionToken,
        Self::SessionIdentity,
        Self::MailBody,
    ];

    /// The table.
    #[must_use]
    pub fn table(self) -> &'static str {
        self.names().0
    }

    /// The column.
    #[must_use]
    pub fn column(self) -> &'static str {
        self.names().1
    }

    /// This place in one row.
    #[must_use]
    pub fn of(self, row: &str) -> Aad<'_> {
        let (table, column) = self.names();
        Aad { table, column, row }
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Setting => ("config", "value"),
            Self::PanelApplicationKey => ("panels", "application_key"),
            Self::PanelClientKey => ("panels", "client_key"),
            Self::SigningKey => ("signing_keys", "secret"),
            Self::WebhookAddress => ("webhooks", "address"),
            Self::WebhookSecret => ("webhooks", "secret"),
            Self::AccountAccess => ("hytale_accounts", "access_token"),
            Self::AccountRefresh => ("hytale_accounts", "refresh_token"),
            Self::LoginAccess => ("hytale_device_flows", "access_token"),
            Self::LoginRefresh => ("hytale_device_flows", "refresh_token"),
            Self::LoginId => ("hytale_device_flows", "id_token"),
            Self::SessionToken => ("hytale_sessions", "session_token"),
            Self::SessionIdentity => ("hytale_sessions", "identity_token"),
            Self::MailBody => ("mails", "body"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_places_are_the_same() {
        let names: BTreeSet<_> = Place::ALL.map(Place::names).into();
        assert_eq!(names.len(), Place::ALL.len());
    }
}

//! Who calls the gateway, with what, and how often.

use clap::{Args, Subcommand};
use common::types::limit::Limit;
use common::types::scope::Scope;
use common::types::user::Role;
use uuid::Uuid;

/// Which servers a key with scope logs may write for. One of these is needed then.
#[derive(Debug, Args)]
pub struct KeyServers {
    /// A server that a key with scope logs may write for, by our id or the panel's uuid;
    /// may be repeated
    #[arg(long = "server", value_name = "UUID", value_delimiter = ',')]
    pub servers: Vec<Uuid>,
    /// A node whose servers it may write for, likewise
    #[arg(long = "node", value_name = "UUID", value_delimiter = ',')]
    pub nodes: Vec<Uuid>,
    /// It may write for every server, now and later
    #[arg(long, conflicts_with_all = ["servers", "nodes"])]
    pub all_servers: bool,
}

#[derive(Debug, Subcommand)]
pub enum ApiKey {
    /// Make a key for a client, and the client if it is new
    ///
    /// The key is printed this once; only its hash is stored. A client may have two
    /// valid keys at once: make the new one, change over, revoke the old one.
    Create {
        /// The client's name
        #[arg(long, value_name = "NAME")]
        client: String,
        /// What the key may be used for: sync, hytale, hytale:all, notify, logs, read, admin
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', required = true)]
        scopes: Vec<Scope>,
        /// Days that it is valid; else until it is revoked
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
        expires: Option<u16>,
        #[command(flatten)]
        servers: KeyServers,
    },
    /// List the keys, those that are no longer valid included
    List,
    /// Revoke a key; it is refused within a second
    Revoke {
        /// How it begins (nbk_ and 8 characters), or its id
        key: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum User {
    /// Make a user; no sync does
    Create {
        /// The address, which no other user has
        #[arg(long)]
        email: String,
        /// What the user is called
        #[arg(long, value_name = "NAME")]
        username: Option<String>,
        /// What the user is: MEMBER, PARTNER, SPONSOR, TECH_TEAM, SUPPORT_TEAM, ADMINISTRATOR, SUPER_ADMIN
        #[arg(
            long = "role",
            value_name = "ROLES",
            value_delimiter = ',',
            default_value = "MEMBER"
        )]
        roles: Vec<Role>,
        /// The id, where the website has one already; else a new one
        #[arg(long)]
        id: Option<String>,
        /// The address is not known to be the user's: no sync links it to the panel's user
        #[arg(long)]
        unverified: bool,
    },
    /// List the users
    List,
    /// Give a user other roles, in place of all that there are
    Roles {
        /// The user's id or address
        user: String,
        /// The roles
        #[arg(value_name = "ROLE", required = true)]
        roles: Vec<Role>,
    },
    /// Refuse a user's tokens, within a second, until the user is enabled again
    Disable {
        /// The user's id or address
        user: String,
    },
    /// Take a user's tokens again
    Enable {
        /// The user's id or address
        user: String,
    },
    /// Revoke every token that a user has now, the website's included
    ///
    /// The website's clock may be a minute ahead of ours: of its tokens, those made within
    /// the next minute are refused as well.
    Logout {
        /// The user's id or address
        user: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token for a user
    ///
    /// The token is printed this once and stored nowhere. The first one makes the key
    /// that signs them.
    Mint {
        /// The user's id or address
        #[arg(long)]
        user: String,
        /// Hours that it is valid
        #[arg(long, value_name = "HOURS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=720))]
        hours: u16,
    },
    /// List the tokens that have not expired
    List {
        /// Only of this user, by id or address
        #[arg(long)]
        user: Option<String>,
    },
    /// Revoke a token; it is refused within a second
    Revoke {
        /// Its id
        id: Uuid,
    },
    /// List the keys that sign, or signed, tokens that still count
    Keys,
    /// Sign with a new key from now on; tokens of the old one count until they expire
    Rotate,
    /// Drop a key that others may know: no token that it signed counts any longer
    Drop {
        /// The key's id
        key: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Limits {
    /// Set a limit for somebody, above or below the configured one
    Set {
        #[command(flatten)]
        choice: LimitChoice,
        /// Requests in the limit's usual time
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        requests: u32,
    },
    /// List the limits that are set
    List,
    /// Let the configured limit hold again
    Unset {
        #[command(flatten)]
        choice: LimitChoice,
    },
}

#[derive(Debug, Args)]
pub struct LimitChoice {
    /// The limit: key, bearer, address, failed-credentials, device-code,
    /// device-code-by-address, fast-polls, refresh-token, game-session, mails,
    /// mails-to-recipient
    pub limit: Limit,
    /// Whose: service, client:NAME (or its id), user:ID, account:UUID or an IP address
    pub subject: String,
}

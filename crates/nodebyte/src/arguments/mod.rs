//! What can be asked of the command line.

mod callers;
mod deliveries;
mod mails;

pub use callers::{ApiKey, KeyServers, LimitChoice, Limits, Token, User};
pub use deliveries::{Deliveries, DeliveryChoice};
pub use mails::{MailChoice, Mails};

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use common::types::caller::Principal;
use common::types::hytale::HytaleAuditEvent;
use common::types::id::{MessageId, RunId, SessionId};
use common::types::sync::Target;
use std::path::PathBuf;
use url::Url;
use uuid::Uuid;

const EXIT_CODES: &str = "\
Exit codes:
   0  done; a watched run ended COMPLETED
   1  failed or refused; a watched run ended FAILED; a stored secret does not open
   2  a watched run ended CANCELLED
  64  the command line cannot be understood
  66  there is no such run, panel, queue, dead letter, delivery, API key, client, server, node, user,
      token or limit
  69  PostgreSQL or RabbitMQ does not answer
  78  the configuration cannot be used";

/// Operates NodeByte: works on PostgreSQL and RabbitMQ directly, whether or not the
/// gateway is up.
#[derive(Debug, Parser)]
#[command(name = "nodebyte", version, after_help = EXIT_CODES)]
pub struct Arguments {
    /// Configuration file; else the one that NODEBYTE_CONFIG names
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Tell on standard error what the connections do
    #[arg(long, short, global = true)]
    pub verbose: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the database's tables up to date
    Migrate,
    /// The panels that are mirrored
    #[command(subcommand)]
    Panel(Panel),
    /// Sync runs
    #[command(subcommand)]
    Sync(Sync),
    /// What happened to Hytale accounts, and who did it
    #[command(subcommand)]
    Audit(Audit),
    /// Events on their way to webhooks
    #[command(subcommand)]
    Deliveries(Deliveries),
    /// Mail on its way to Resend
    #[command(subcommand)]
    Mails(Mails),
    /// Messages that nobody works on any more
    #[command(subcommand)]
    Dead(Dead),
    /// The configuration, and settings that override it
    #[command(subcommand)]
    Config(Config),
    /// Keys that protect stored secrets
    #[command(subcommand)]
    Keys(Keys),
    /// Keys that clients of the gateway call with
    #[command(subcommand)]
    ApiKey(ApiKey),
    /// Users, who call the gateway with tokens
    #[command(subcommand)]
    User(User),
    /// Tokens that users call the gateway with, and the keys that sign them
    #[command(subcommand)]
    Token(Token),
    /// Rate limits that differ for one client, user, account or address
    #[command(subcommand)]
    Limit(Limits),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub enum Panel {
    /// Add a panel, or replace the address and keys of the one of that name
    ///
    /// The keys are read from NODEBYTE_PANEL_KEY and NODEBYTE_PANEL_CLIENT_KEY, or
    /// else from standard input: the application key on the first line and, if
    /// live use is wanted, a client key on the second. They are stored sealed.
    Add {
        /// Its name here; `default` is the panel of the configuration
        name: String,
        /// Its address
        url: Url,
    },
    /// List the panels
    List,
}

#[derive(Debug, Subcommand)]
pub enum Sync {
    /// Ask for a run
    ///
    /// A run that waits or works already and covers the same answers instead of a
    /// new one. Interrupting --watch does not touch the run.
    #[command(after_help = EXIT_CODES)]
    Run(Run),
    /// Show the newest runs and open holds, or one run with its tasks
    Status {
        /// The run
        run: Option<RunId>,
        /// How many runs to list
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
    },
    /// Show what a run did, in sentences
    Logs {
        /// The run
        run: RunId,
    },
    /// Show the records that a run skipped
    Errors {
        /// The run
        run: RunId,
        /// How many to list
        #[arg(long, default_value_t = 1000)]
        limit: u32,
    },
    /// End a run; nothing of it is written afterwards
    Cancel {
        /// The run
        run: RunId,
    },
    /// Have removals that a run held back looked at again, and made
    Confirm {
        /// The run
        run: RunId,
    },
    /// List addresses that look like one person and were not linked
    Conflicts,
}

#[derive(Debug, Args)]
pub struct Run {
    /// full, locations, nodes, allocations, nests, servers, databases or users
    #[arg(default_value = "full")]
    pub kind: Target,
    /// The panel's name
    #[arg(long, value_name = "NAME", default_value = reach::settings::DEFAULT_PANEL)]
    pub panel: String,
    /// Leave the users out of a full run
    #[arg(long)]
    pub skip_users: bool,
    /// Stay until the run ends, and end with its exit code
    #[arg(long)]
    pub watch: bool,
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Show the newest lines of the trail
    Query {
        #[command(flatten)]
        lines: AuditLines,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
    },
    /// Print every line of the trail, newest first, as one JSON object each
    Export {
        #[command(flatten)]
        lines: AuditLines,
    },
}

#[derive(Debug, Args)]
pub struct AuditLines {
    /// Only of this account, by Hytale's id
    #[arg(long)]
    pub account: Option<Uuid>,
    /// Only of this type, for example TOKEN_REFRESHED
    #[arg(long)]
    pub event: Option<HytaleAuditEvent>,
    /// Only of this profile
    #[arg(long)]
    pub profile: Option<Uuid>,
    /// Only of this game session
    #[arg(long)]
    pub session: Option<SessionId>,
    /// Only what this principal did: service, client:UUID or user:ID
    #[arg(long)]
    pub principal: Option<Principal>,
    /// Only from this moment on (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub since: Option<DateTime<Utc>>,
    /// Only before this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub until: Option<DateTime<Utc>>,
}

#[derive(Debug, Subcommand)]
pub enum Dead {
    /// List dead letters, of one queue or of all; they stay where they are
    List {
        /// The queue
        queue: Option<String>,
        /// How many to list of each queue
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Send dead letters to their queue again
    Replay {
        /// The queue
        queue: String,
        /// Only the one with this id
        #[arg(long, conflicts_with = "limit")]
        id: Option<MessageId>,
        /// At most so many, oldest first
        #[arg(long)]
        limit: Option<u32>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Read the whole configuration; say all that is wrong, or print it without secrets
    Check,
    /// Show settings as they count now; secrets are masked
    Get {
        /// Its key, for example pterodactyl_url; without it all
        key: Option<String>,
    },
    /// Store settings that override the configuration, without a restart
    ///
    /// The value is read from standard input; an empty one lets the configuration
    /// count again. Of several settings each value stands on a line of its own, and
    /// all are stored or none: so an address changes together with its keys. Secrets
    /// are stored sealed.
    Set {
        /// Their keys, for example pterodactyl_url
        #[arg(required = true)]
        keys: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Print a fresh ENCRYPTION_KEY; it is stored nowhere
    Generate,
    /// Seal all stored secrets anew with a new data key, while services run
    ///
    /// The keys before it stay, to open what they have sealed. A rotation that was
    /// interrupted goes on, without yet another key. Secrets that lie unsealed are sealed
    /// too. What does not open is named, left as it is, and makes the exit code 1.
    Rotate {
        /// Make a new key even where an earlier rotation is not finished
        #[arg(long, conflicts_with = "drop_old")]
        new: bool,
        /// Make no new key, finish what is begun, and drop the keys that nothing needs
        #[arg(long)]
        drop_old: bool,
    },
    /// After ENCRYPTION_KEY was changed: wrap the data keys with the new one
    ///
    /// The one before it is read from ENCRYPTION_KEY_OLD. What it had sealed itself is
    /// sealed by a data key.
    Rewrap,
    /// Show the data keys, what each seals, and what does not open
    Status,
}

//! What can be asked about mails.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use common::types::id::MailId;
use common::types::mail::MailAddress;

#[derive(Debug, Subcommand)]
pub enum Mails {
    /// Show the newest mails, without what stands in them
    List {
        #[command(flatten)]
        choice: MailChoice,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
    },
    /// Show one mail with its attempts
    Show {
        /// The mail
        id: MailId,
    },
    /// Try a dead mail again
    ///
    /// One that held a link cannot be sent again: the link was erased.
    Replay {
        /// The mail
        id: MailId,
    },
}

#[derive(Debug, Args)]
pub struct MailChoice {
    /// Only to this address
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<MailAddress>,
    /// Only in this state
    #[arg(long, value_parser = ["pending", "sent", "dead", "suppressed"])]
    pub state: Option<String>,
    /// Only of this template, for example verify_email
    #[arg(long)]
    pub template: Option<String>,
    /// Only from this moment on (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub since: Option<DateTime<Utc>>,
    /// Only before this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub until: Option<DateTime<Utc>>,
}

//! Mail on its way to Resend.
//!
//! One sender at a time holds a mail, and its attempt is written before the request leaves.
//! How fast mail leaves is one row (`mail_pacing`) that every claim locks, so that all
//! senders together keep to one rate; a pause (`mail_pauses`) is a key's, or all mail's.
//! Bodies with links come here sealed and are erased in the transaction that ends the mail.

mod claim;
mod dead;
mod list;
mod queue;
mod replay;
mod settle;
mod suppressions;
mod upkeep;

pub use claim::{HeldMail, MailClaim};
pub use list::{MailAttemptRow, MailFilter, MailRow};
pub use queue::{MailAsked, MailQueued, NewMail};
pub use replay::MailReplay;
pub use settle::{MailAttempt, MailOutcome, MailPause, MailStep};
pub use suppressions::{MailSuppressionRow, NewMailSuppression};
pub use upkeep::MailUpkeep;

use std::time::Duration;

/// Notified when mails may be due.
pub const MAILS_CHANNEL: &str = "nodebyte_mails";

/// From the first attempt on: Resend knows a mail by its id for 24 hours, and would send it
/// twice afterwards.
pub const MAIL_LIFE: Duration = Duration::from_secs(23 * 3600);

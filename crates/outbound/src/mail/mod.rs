//! The mails there are: what each takes, and how it reads.
//!
//! Subject, sentences and links are made here, of a template and typed data: nobody who may
//! have mail sent can have anything else said in our name, or lead anybody elsewhere by the
//! words that are theirs (see `linkable`).

mod eml;
mod html;
mod letter;
mod linkable;
mod read;
#[cfg(test)]
mod tests;

pub use eml::eml;
pub use read::MailRefused;

use std::time::Duration;

use letter::Letter;
use url::Url;

use crate::resend::Email;

const HOUR: Duration = Duration::from_secs(3600);

/// A mail, by what it is for.
#[derive(Clone, PartialEq, Eq)]
pub enum Mail {
    /// Proves that a new user's address is theirs.
    VerifyEmail {
        /// What the user is called.
        name: String,
        /// The user's id.
        user_id: String,
        /// What the link proves.
        token: String,
    },
    /// Lets somebody choose a new password.
    ResetPassword {
        /// What the user is called.
        name: String,
        /// What the link proves.
        token: String,
    },
    /// Lets somebody in without a password.
    MagicLink {
        /// What the link proves.
        token: String,
    },
    /// Greets a new user.
    Welcome {
        /// What the user is called.
        name: String,
    },
    /// Says how a sync went.
    SyncReport {
        /// What was mirrored.
        sync_type: String,
        /// How it ended.
        status: String,
        /// How long it took.
        duration: String,
    },
    /// Proves that a user's other address is theirs.
    EmailChange {
        /// What the user is called.
        name: String,
        /// The user's id.
        user_id: String,
        /// What the link proves.
        token: String,
    },
}

/// The website that mails speak for.
#[derive(Debug, Clone)]
pub struct Site {
    /// What it is called.
    pub name: String,
    /// Where it is; links begin with it.
    pub url: Option<Url>,
    /// The sender, `Name <address>`.
    pub from: String,
}

/// A mail with a link needs to know where the website is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mail holds a link, and the setting site_url is not set")]
pub struct NoSite;

impl Mail {
    /// The template's name.
    #[must_use]
    pub fn template(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::ResetPassword { .. } => "reset_password",
            Self::MagicLink { .. } => "magic_link",
            Self::Welcome { .. } => "welcome",
            Self::SyncReport { .. } => "sync_report",
            Self::EmailChange { .. } => "email_change",
        }
    }

    /// How long the link in it lives, if there is one that can be used once.
    #[must_use]
    pub fn link_lives(&self) -> Option<Duration> {
        match self {
            Self::VerifyEmail { .. } | Self::ResetPassword { .. } | Self::EmailChange { .. } => {
                Some(24 * HOUR)
            }
            Self::MagicLink { .. } => Some(HOUR / 2),
            Self::Welcome { .. } | Self::SyncReport { .. } => None,
        }
    }

    /// The mail as it is sent to this address.
    ///
    /// # Errors
    /// [`NoSite`].
    pub fn render(&self, site: &Site, to: &str) -> Result<Email, NoSite> {
        let letter = Letter::of(self, site)?;
        Ok(Email {
            from: site.from.clone(),
            to: vec![to.to_owned()],
            html: html::page(&letter, site),
            text: letter.text(site),
            subject: letter.subject,
        })
    }
}

/// Not the token.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Mail").field(&self.template()).finish()
    }
}

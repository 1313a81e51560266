//! A mail as callers name it: a template, and texts by name.

use std::collections::BTreeMap;

use common::types::mail::MailAddress;

use super::Mail;
use super::linkable::{is_blank, is_linkable};
use crate::excerpt::turns;

/// Characters of a text.
const LONGEST: usize = 100;
/// Characters of a token, which nobody guesses.
const TOKEN: std::ops::RangeInclusive<usize> = 16..=1024;
/// What callers send along that is an e-mail address; no template says it.
const ADDRESSES: [&str; 3] = ["email", "new_email", "newEmail"];

/// Why there is no such mail. Holds no value that was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailRefused {
    /// No template has this name.
    #[error(
        "There is no such template; there are verify_email, reset_password, magic_link, welcome, \
         sync_report and email_change"
    )]
    UnknownTemplate,
    /// The template says something that was not given.
    #[error("`data` lacks {}", named(.0))]
    Missing(Vec<&'static str>),
    /// A value holds what mail programs make a link of: links are made here.
    #[error(
        "`data.{0}` holds what mail programs make a link of; links are made here, and in names a \
         space belongs behind a dot"
    )]
    Url(String),
    /// A value cannot stand in a mail.
    #[error("`data.{0}` {1}")]
    Unfit(&'static str, &'static str),
}

fn named(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|it| format!("`{it}`")).collect();
    quoted.join(", ")
}

impl Mail {
    /// Reads a template's name, new or as it was called earlier, and its data. What the
    /// template does not say is passed over, unless it leads elsewhere.
    ///
    /// # Errors
    /// See [`MailRefused`].
    pub fn read(template: &str, data: &BTreeMap<String, String>) -> Result<Self, MailRefused> {
        if let Some((name, _)) = data
            .iter()
            .find(|(name, value)| leads_elsewhere(name, value))
        {
            // The name is the caller's as well.
            let is_of_name = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            let name = name.chars().filter(is_of_name);
            return Err(MailRefused::Url(name.take(LONGEST).collect()));
        }
        let mut fields = Fields {
            data,
            missing: Vec::new(),
            unfit: None,
        };
        let mail = match template {
            "verify_email" | "verify-email" | "email_verification" | "email-verification" => {
                Self::VerifyEmail {
                    name: fields.text("name", &[]),
                    user_id: fields.text("user_id", &["userId", "id"]),
                    token: fields.token(),
                }
            }
            "reset_password" | "reset-password" | "password_reset" | "password-reset" => {
                Self::ResetPassword {
                    name: fields.text("name", &[]),
                    token: fields.token(),
                }
            }
            "magic_link" | "magic-link" => Self::MagicLink {
                token: fields.token(),
            },
            "welcome" => Self::Welcome {
                name: fields.text("name", &[]),
            },
            "sync_report" | "sync-report" | "sync_complete" | "sync-complete" => Self::SyncReport {
                sync_type: fields.text("sync_type", &["syncType"]),
                status: fields.text("status", &[]),
                duration: fields.text("duration", &[]),
            },
            "email_change" | "email-change" => Self::EmailChange {
                name: fields.text("name", &[]),
                user_id: fields.text("user_id", &["userId", "id"]),
                token: fields.token(),
            },
            _ => return Err(MailRefused::UnknownTemplate),
        };
        if !fields.missing.is_empty() {
            return Err(MailRefused::Missing(fields.missing));
        }
        fields.unfit.map_or(Ok(mail), Err)
    }
}

/// Whether a value could lead readers elsewhere. Tokens, which have dots, stand in our links
/// alone, and cannot leave them.
fn leads_elsewhere(name: &str, value: &str) -> bool {
    let is_apart = match name {
        "token" => value.chars().all(is_of_token),
        name => ADDRESSES.contains(&name) && value.parse::<MailAddress>().is_ok(),
    };
    !is_apart && is_linkable(value)
}

/// RFC 3986, section 2.3, and `=`, which ends base64.
fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~=".contains(c)
}

/// Takes values out of the data, and notes what is wrong with them.
struct Fields<'a> {
    data: &'a BTreeMap<String, String>,
    missing: Vec<&'static str>,
    unfit: Option<MailRefused>,
}

impl Fields<'_> {
    fn value(&mut self, name: &'static str, earlier: &[&str]) -> String {
        let mut names = std::iter::once(&name).chain(earlier);
        let given = names.find_map(|name| self.data.get(*name));
        match given.map(|value| value.trim()).filter(|it| !is_blank(it)) {
            Some(value) => value.to_owned(),
            None => {
                self.missing.push(name);
                String::new()
            }
        }
    }

    fn text(&mut self, name: &'static str, earlier: &[&str]) -> String {
        let value = self.value(name, earlier);
        let fits = |c: char| !c.is_control() && !turns(c);
        if value.chars().count() > LONGEST {
            self.refuse(name, "has more than 100 characters");
        } else if !value.chars().all(fits) {
            self.refuse(name, "holds a control character");
        }
        value
    }

    fn token(&mut self) -> String {
        let value = self.value("token", &[]);
        let is_token = TOKEN.contains(&value.len()) && value.chars().all(is_of_token);
        if !value.is_empty() && !is_token {
            self.refuse(
                "token",
                "must be 16 to 1024 letters, digits and characters of -._~=",
            );
        }
        value
    }

    fn refuse(&mut self, name: &'static str, why: &'static str) {
        self.unfit.get_or_insert(MailRefused::Unfit(name, why));
    }
}

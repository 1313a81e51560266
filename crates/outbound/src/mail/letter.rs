//! What a mail says, before it is HTML or text.

use url::Url;

use super::linkable::is_dialable;
use super::{Mail, NoSite, Site};

/// What a mail says.
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) greeting: String,
    pub(super) sentences: Vec<String>,
    /// Label and address.
    pub(super) link: Option<(&'static str, Url)>,
    /// What is said below the link.
    pub(super) afterwards: Vec<String>,
}

impl Letter {
    pub(super) fn of(mail: &Mail, site: &Site) -> Result<Self, NoSite> {
        let called = &site.name;
        Ok(match mail {
            Mail::VerifyEmail {
                name,
                user_id,
                token,
            } => Self {
                subject: "Verify your email".to_owned(),
                greeting: hello(name),
                sentences: vec![format!(
                    "Thank you for signing up at {called}. Please confirm that this address is yours."
                )],
                link: Some(("Verify email", verification(site, user_id, token)?)),
                afterwards: vec![
                    "The link can be used once and expires in 24 hours.".to_owned(),
                    "If you did not sign up, you can ignore this mail.".to_owned(),
                ],
            },
            Mail::ResetPassword { name, token } => Self {
                subject: "Reset your password".to_owned(),
                greeting: hello(name),
                sentences: vec![format!(
                    "Somebody, hopefully you, asked for a new password at {called}."
                )],
                link: Some((
                    "Reset password",
                    link(site, "reset-password", &[("token", token)])?,
                )),
                afterwards: vec![
                    "The link can be used once and expires in 24 hours.".to_owned(),
                    "If it was not you, you can ignore this mail: your password stays as it is."
                        .to_owned(),
                ],
            },
            Mail::MagicLink { token } => Self {
                subject: "Your magic link".to_owned(),
                greeting: "Hello,".to_owned(),
                sentences: vec![format!("Use this link to sign in at {called}.")],
                link: Some(("Sign in", link(site, "magic-link", &[("token", token)])?)),
                afterwards: vec![
                    "The link can be used once and expires in 30 minutes.".to_owned(),
                    "If you did not ask for it, you can ignore this mail.".to_owned(),
                ],
            },
            Mail::Welcome { name } => Self {
                subject: format!("Welcome to {called}"),
                greeting: hello(name),
                sentences: vec![
                    format!("Welcome to {called}! Your account is ready."),
                    "If you need anything, our support is happy to help.".to_owned(),
                ],
                link: site.url.clone().map(|url| ("Go to the website", url)),
                afterwards: Vec::new(),
            },
            Mail::SyncReport {
                sync_type,
                status,
                duration,
            } => Self {
                subject: format!("Sync {status}: {sync_type}"),
                greeting: "Hello,".to_owned(),
                sentences: vec![
                    "A sync has ended.".to_owned(),
                    format!("Type: {sync_type}"),
                    format!("Status: {status}"),
                    format!("Duration: {duration}"),
                ],
                link: None,
                afterwards: Vec::new(),
            },
            Mail::EmailChange {
                name,
                user_id,
                token,
            } => Self {
                subject: "Verify your new email address".to_owned(),
                greeting: hello(name),
                sentences: vec![format!(
                    "You asked to use this address at {called} from now on. Please confirm that it is yours."
                )],
                link: Some(("Verify new address", verification(site, user_id, token)?)),
                afterwards: vec![
                    "The link can be used once and expires in 24 hours.".to_owned(),
                    "If you did not ask for it, you can ignore this mail: nothing changes."
                        .to_owned(),
                ],
            },
        })
    }

    /// As plain text.
    pub(super) fn text(&self, site: &Site) -> String {
        let mut parts = vec![self.greeting.clone()];
        parts.extend(self.sentences.iter().cloned());
        parts.extend(
            self.link
                .iter()
                .map(|(label, url)| format!("{label}: {url}")),
        );
        parts.extend(self.afterwards.iter().cloned());
        parts.push(format!("-- \n{}", site.name));
        parts.join("\n\n") + "\n"
    }
}

fn hello(name: &str) -> String {
    if is_dialable(name) {
        return "Hello,".to_owned();
    }
    format!("Hello {name},")
}

fn verification(site: &Site, user_id: &str, token: &str) -> Result<Url, NoSite> {
    link(site, "verify-email", &[("token", token), ("id", user_id)])
}

/// A page of the website's that takes tokens.
fn link(site: &Site, page: &str, query: &[(&str, &str)]) -> Result<Url, NoSite> {
    let mut url = site.url.clone().ok_or(NoSite)?;
    url.path_segments_mut()
        .map_err(|()| NoSite)?
        .pop_if_empty()
        .extend(["auth", page]);
    url.set_fragment(None);
    url.set_query(None);
    url.query_pairs_mut().extend_pairs(query);
    Ok(url)
}

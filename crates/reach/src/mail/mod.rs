//! Mail: rendered and sealed when it is queued ([`Mailer`]), opened and handed over when it
//! leaves ([`PostOffice`]).

mod mailer;
mod post_office;

pub use mailer::{MailError, MailOrder, Mailer};
pub use post_office::{Counter, PostError, PostOffice};

use crate::settings::{Overrides, SettingsError};
use secrecy::ExposeSecret;

/// A setting that is no secret.
fn text(overrides: &Overrides, key: &str) -> Result<Option<String>, SettingsError> {
    let value = overrides.get(key)?;
    Ok(value.map(|it| it.expose_secret().to_owned()))
}

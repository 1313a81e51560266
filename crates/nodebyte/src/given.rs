//! What may stand in a value that a person gives. A wrong one would be noticed only
//! when something is sent with it.

use crate::failure::Failure;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Characters that a name may have; the gateway takes no longer ones.
const LONGEST_NAME: usize = 200;

/// The name of `what` is a word or a few, by which people or requests can name it.
pub fn name(what: &str, name: &str) -> Result<(), Failure> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(Failure::Usage(format!(
            "{what}'s name has 1 to {LONGEST_NAME} characters, none of them a control character"
        )));
    }
    Ok(())
}

/// An address that paths can be added to and that everybody may see.
pub fn web_address(what: &str, url: &Url) -> Result<(), Failure> {
    let wrong = if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        "is an http:// or https:// address"
    } else if !url.username().is_empty() || url.password().is_some() {
        "holds no user name and no password"
    } else if url.query().is_some() || url.fragment().is_some() {
        "ends before `?` and `#`"
    } else {
        return Ok(());
    };
    Err(Failure::Usage(format!("{what} {wrong}")))
}

/// A key goes into a header as it is.
pub fn key(what: &str, key: &SecretString) -> Result<(), Failure> {
    let key = key.expose_secret();
    if key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{what} is one word of visible ASCII characters"
    )))
}

/// An e-mail address, as far as its form tells.
pub fn address(email: &str) -> Result<(), Failure> {
    let has_form = email.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    let is_word = email.chars().all(|c| !c.is_control() && !c.is_whitespace());
    if has_form && is_word && email.chars().count() <= LONGEST_NAME {
        return Ok(());
    }
    Err(Failure::Usage(
        "a user's address is like name@domain".to_owned(),
    ))
}

/// An id that may stand in tokens and logs.
pub fn user_id(id: &str) -> Result<(), Failure> {
    let fits = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(());
    }
    Err(Failure::Usage(
        "a user's id is 1 to 64 visible ASCII characters".to_owned(),
    ))
}

//! Whom mail goes to.

use std::fmt;
use std::str::FromStr;

/// Characters of an address (RFC 5321, section 4.5.3.1.3) and of what stands before its `@`.
const LONGEST: usize = 254;
const LONGEST_LOCAL: usize = 64;
/// Characters of a label of a name (RFC 1035).
const LONGEST_LABEL: usize = 63;

/// One address, in lower case: `local@domain`, ASCII, without a name, quotes or comments, so
/// that it can stand in any header and never means two.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MailAddress(String);

/// The text is not one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address is local@domain, one of them and nothing else")]
pub struct NoMailAddress;

impl MailAddress {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MailAddress {
    type Err = NoMailAddress;

    fn from_str(text: &str) -> Result<Self, NoMailAddress> {
        let (local, domain) = text.split_once('@').ok_or(NoMailAddress)?;
        let is_one = text.len() <= LONGEST && is_local(local) && is_domain(domain);
        is_one
            .then(|| Self(text.to_ascii_lowercase()))
            .ok_or(NoMailAddress)
    }
}

/// A dot-atom (RFC 5322, section 3.2.3).
fn is_local(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(fits);
    text.len() <= LONGEST_LOCAL && text.split('.').all(is_atom)
}

/// A name of at least two labels; the last one is no number, as in an IP address.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let has_name = |(_, last): (&str, &str)| !last.chars().all(|c| c.is_ascii_digit());
    text.split('.').all(is_label) && text.rsplit_once('.').is_some_and(has_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_lower_case() {
        let address: MailAddress = "Anna.B+c@Mail.Example.NET".parse().unwrap();
        assert_eq!(address.as_str(), "anna.b+c@mail.example.net");
    }

    #[test]
    fn lists_names_and_what_a_header_would_break_at_are_no_address() {
        for text in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@localhost",
            "a@b.example,c@d.example",
            "a@b.example;c@d.example",
            "a@b.example c@d.example",
            "Anna <a@b.example>",
            "<a@b.example>",
            "\"a b\"@c.example",
            "a@b.example\r\nBcc: c@d.example",
            "a\n@b.example",
            "a@b.example\0",
            " a@b.example",
            "a..b@c.example",
            ".a@c.example",
            "a@b@c.example",
            "a@-b.example",
            "a@b..example",
            "a@[192.0.2.1]",
            "a@192.0.2.1",
            "ä@b.example",
            "a@bücher.example",
        ] {
            assert_eq!(text.parse::<MailAddress>(), Err(NoMailAddress), "{text:?}");
        }
        let long = format!("{}@b.example", "a".repeat(65));
        assert_eq!(long.parse::<MailAddress>(), Err(NoMailAddress));
    }
}

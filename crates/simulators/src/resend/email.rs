//! What a mail must be like.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{keys::ApiKey, refusal::Refusal};

const RECIPIENTS: usize = 50;
const TAG: usize = 256;

/// Looks through a mail.
///
/// # Errors
/// The refusal that it deserves.
pub fn check(email: &Value, key: &ApiKey, domains: &BTreeSet<String>) -> Result<(), Refusal> {
    for field in ["from", "to", "subject"] {
        if email[field].is_null() {
            return Err(missing(field));
        }
    }
    if ["html", "text", "template"]
        .iter()
        .all(|body| email[*body].is_null())
    {
        return Err(missing("html` or `text"));
    }
    let from = email["from"].as_str().and_then(domain);
    let from = from.ok_or(Refusal::new(
        422,
        "invalid_from_address",
        "`from` is no address with or without a name.",
    ))?;
    if !domains.contains(from) || !key.sends_from(from) {
        let message = format!("The domain {from} is not verified.");
        return Err(Refusal::new(403, "validation_error", &message));
    }
    if !(1..=RECIPIENTS).contains(&listed(&email["to"]).len()) {
        return Err(invalid("`to` has 1 to 50 addresses."));
    }
    for field in ["to", "cc", "bcc", "reply_to"] {
        let addresses = listed(&email[field]);
        let readable = |address: &&Value| address.as_str().and_then(domain).is_some();
        if !addresses.iter().all(readable) {
            return Err(invalid(&format!(
                "`{field}` holds something else than addresses."
            )));
        }
    }
    for field in ["subject", "html", "text", "scheduled_at"] {
        if !(email[field].is_null() || email[field].is_string()) {
            return Err(invalid(&format!("`{field}` is no text.")));
        }
    }
    let headers = email["headers"].as_object();
    if headers.is_some_and(|headers| !headers.values().all(Value::is_string)) {
        return Err(invalid("`headers` are texts."));
    }
    if !listed(&email["tags"]).iter().all(|each| is_tag(each)) {
        return Err(invalid("Tags are ASCII letters, digits, `_` and `-`."));
    }
    let attached =
        |attachment: &&Value| attachment["content"].is_string() || attachment["path"].is_string();
    if !listed(&email["attachments"]).iter().all(attached) {
        let message = "An attachment has `content` or `path`.";
        return Err(Refusal::new(422, "invalid_attachment", message));
    }
    Ok(())
}

/// How many it goes to, in the open or not.
pub fn recipients(email: &Value) -> u64 {
    let lists = ["to", "cc", "bcc"].map(|field| listed(&email[field]).len() as u64);
    lists.into_iter().sum()
}

/// What has become of it, which the addresses for tests decide.
pub fn last_event(email: &Value) -> &'static str {
    let to = listed(&email["to"]);
    let goes_to = |address: &str| to.iter().any(|each| *each == address);
    match () {
        () if goes_to("bounced@resend.dev") => "bounced",
        () if goes_to("complained@resend.dev") => "complained",
        () if goes_to("delivered@resend.dev") => "delivered",
        () => "sent",
    }
}

/// The values of a list, or the one value that stands for a list of one.
pub fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    }
}

fn missing(field: &str) -> Refusal {
    let message = format!("`{field}` is missing.");
    Refusal::new(422, "missing_required_field", &message)
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(422, "invalid_parameter", message)
}

/// The domain of `a@b.c` or `Name <a@b.c>`.
fn domain(address: &str) -> Option<&str> {
    let bare = match address.trim().strip_suffix('>') {
        Some(named) => named.split_once('<')?.1,
        None => address.trim(),
    };
    let (local, domain) = bare.rsplit_once('@')?;
    let readable = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
    (readable(local) && readable(domain) && domain.contains('.')).then_some(domain)
}

fn is_tag(tag: &Value) -> bool {
    ["name", "value"].iter().all(|part| {
        let text = tag[*part].as_str().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        (1..=TAG).contains(&text.len()) && text.chars().all(plain)
    })
}

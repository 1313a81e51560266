//! A mail as a file that mail programs open (RFC 5322).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// Characters of a line of base64 (RFC 2045).
const LINE: usize = 76;

/// The file of a mail, which is the JSON of an [`Email`](crate::Email); `None` if it is not.
/// `id` names the mail.
#[must_use]
pub fn eml(body: &[u8], id: &str, at: DateTime<Utc>) -> Option<String> {
    let email: Value = serde_json::from_slice(body).ok()?;
    let text = |field: &str| Some(email.get(field)?.as_str()?.to_owned());
    let part = |kind: &str, text: &str| {
        format!(
            "--{id}\r\nContent-Type: text/{kind}; charset=utf-8\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            wrapped(&STANDARD.encode(text))
        )
    };
    Some(format!(
        "From: {from}\r\nTo: {to}\r\nSubject: =?utf-8?B?{subject}?=\r\nDate: {date}\r\n\
         Message-ID: <{id}@nodebyte>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=\"{id}\"\r\n\r\n{plain}{html}--{id}--\r\n",
        from = one_line(&text("from")?),
        to = one_line(email.get("to")?.get(0)?.as_str()?),
        subject = STANDARD.encode(text("subject")?),
        date = at.to_rfc2822(),
        plain = part("plain", &text("text")?),
        html = part("html", &text("html")?),
    ))
}

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn wrapped(base64: &str) -> String {
    let lines: Vec<&str> = base64
        .as_bytes()
        .chunks(LINE)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    lines.join("\r\n")
}

//! What the vendor wrote along with a failure, made fit for our log.

use serde::Deserialize;
use std::fmt;

/// Longest text kept, in characters.
const LONGEST: usize = 300;
/// A run of token characters this long is taken for one.
const TOKEN: usize = 20;
const MASK: &str = "[…]";

/// The vendor's words, for the log only: capped, without control characters, tokens
/// and whatever looks like one. Never for those who ask us.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Said(Option<Box<str>>);

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text().unwrap_or_default())
    }
}

/// The fields in which error bodies say something to humans.
#[derive(Default, Deserialize)]
struct Words {
    error: Option<String>,
    error_description: Option<String>,
    error_hint: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl Said {
    /// The words of an error's body: known fields of JSON, or the first line of plain
    /// text. `sent` are the secrets of the request, which may be shorter than what
    /// is recognised as a token.
    pub(super) fn of(body: &[u8], sent: &[&str]) -> Self {
        let words = match serde_json::from_slice::<Words>(body) {
            Ok(words) => [
                words.error,
                words.code,
                words.message,
                words.error_description,
                words.error_hint,
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(": "),
            Err(_) => plain(body),
        };
        let words = sent
            .iter()
            .filter(|secret| !secret.is_empty())
            .fold(words, |words, secret| words.replace(secret, MASK));
        let words = masked(&words);
        let kept: String = words
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(LONGEST)
            .collect();
        Self((!kept.is_empty()).then(|| kept.into()))
    }

    /// The text, if there was any.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

fn plain(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start();
    // JSON in another shape and pages say nothing that is worth the risk.
    if text.starts_with(['{', '[', '<', '"']) {
        return String::new();
    }
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// The text with every run of token characters masked that could be one. Plain words
/// (`session_limit_exceeded`) stay.
fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || "-_.~+/=%".contains(c) {
            run.push(c);
        } else {
            flush(&mut run, &mut out);
            out.push(c);
        }
    }
    flush(&mut run, &mut out);
    out
}

fn flush(run: &mut String, out: &mut String) {
    let is_words = run
        .split(['_', '-', '.', '/'])
        .all(|word| word.len() < TOKEN && word.bytes().all(|b| b.is_ascii_lowercase()));
    let is_token = run.starts_with("ory_") || run.starts_with("eyJ");
    out.push_str(if is_token || (run.len() >= TOKEN && !is_words) {
        MASK
    } else {
        run
    });
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> String {
        Said::of(body.as_bytes(), &["sent"])
            .text()
            .unwrap_or_default()
            .to_owned()
    }

    #[test]
    fn words_stay_and_tokens_go() {
        assert_eq!(
            said(r#"{"error":"session_limit_exceeded"}"#),
            "session_limit_exceeded"
        );
        assert_eq!(
            said(r#"{"error":"invalid_grant","error_description":"no ory_rt_abc and sent"}"#),
            "invalid_grant: no […] and […]"
        );
        assert_eq!(
            said("invalid authorization header\nsecond line"),
            "invalid authorization header"
        );
        assert_eq!(
            said("bad eyJhbGciOiJFZERTQSJ9.e30.c2ln token"),
            "bad […] token"
        );
        assert_eq!(said("key=AbCdEfGhIjKlMnOpQrStUv"), "[…]");
    }

    #[test]
    fn pages_and_unknown_json_are_not_kept() {
        assert_eq!(said("<html>secret</html>"), "");
        assert_eq!(said(r#"{"access_token":"secret"}"#), "");
        assert_eq!(said(r#"["secret"]"#), "");
        assert_eq!(said(r#"{"error":{"access_token":"secret"}}"#), "");
    }

    #[test]
    fn the_text_is_capped_and_on_one_line() {
        assert_eq!(said(&"a b ".repeat(1_000)).chars().count(), LONGEST);
        assert_eq!(said(r#"{"error":"a\nb"}"#), "a b");
    }
}

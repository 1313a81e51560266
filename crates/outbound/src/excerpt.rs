//! A stranger's words, made fit to be stored and shown.

/// Longest excerpt, in characters.
const LONGEST: usize = 1_024;
const MASK: &str = "****";

/// The beginning of a body: as text, on one line, without control characters and
/// characters that turn the direction of writing, every one of `secrets` masked.
///
/// Secrets are looked for after the characters are gone, lest one is put together by that,
/// and before the cut, lest half of one remains.
pub(crate) fn excerpt(body: &[u8], secrets: &[&str]) -> String {
    let text: String = String::from_utf8_lossy(body)
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !turns(*c))
        .collect();
    let mut secrets: Vec<&str> = secrets.iter().copied().filter(|s| !s.is_empty()).collect();
    // One may be a part of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let text = secrets
        .into_iter()
        .fold(text, |text, secret| text.replace(secret, MASK));
    text.trim().chars().take(LONGEST).collect()
}

/// Unicode's explicit directional marks (UAX #9).
pub(crate) fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_stay_and_control_characters_go() {
        assert_eq!(excerpt(b"a\r\n\tb\x00\x1b[31mc", &[]), "a   b[31mc");
        assert_eq!(excerpt("ü\u{202e}x".as_bytes(), &[]), "üx");
        assert_eq!(excerpt(b"a\xffb", &[]), "a\u{fffd}b");
    }

    #[test]
    fn a_secret_within_another_leaves_nothing_of_the_longer() {
        assert_eq!(
            excerpt(b"whsec_abcd abcd", &["abcd", "whsec_abcd", ""]),
            "**** ****"
        );
    }

    #[test]
    fn a_secret_that_control_characters_part_is_masked() {
        assert_eq!(excerpt(b"to\x00ken", &["token"]), "****");
    }

    #[test]
    fn half_a_secret_does_not_remain_at_the_cut() {
        let body = format!("{}secret-token", "x".repeat(1_020));
        assert!(!excerpt(body.as_bytes(), &["secret-token"]).contains("sec"));
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_keeps_no_secret(
            body in proptest::collection::vec(any::<u8>(), 0..3_000),
            place in any::<proptest::sample::Index>(),
        ) {
            let mut body = body;
            let at = place.index(body.len() + 1);
            body.splice(at..at, *b"s3cr3t");
            let text = excerpt(&body, &["s3cr3t"]);
            prop_assert!(text.chars().count() <= 1_024);
            prop_assert!(!text.contains("s3cr3t"));
            prop_assert!(!text.chars().any(char::is_control));
        }
    }
}

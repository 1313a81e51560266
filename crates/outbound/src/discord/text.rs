//! Text as Discord counts and reads it.

use unicode_segmentation::UnicodeSegmentation;

use crate::excerpt::turns;

/// Stands for what is empty: Discord refuses names and values without a character.
const NOTHING: &str = "–";
/// Breaks what Discord would read as one word, and shows as nothing.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// Length as a client counts it, in UTF-16 units. Discord counts characters, which are
/// never more.
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// At most `limit` units of the text, trimmed (Discord trims before it counts) and without
/// control characters but line breaks. What is cut ends in "…", between graphemes.
pub(super) fn cut(text: &str, limit: usize) -> String {
    let clean: String = text
        .chars()
        .filter(|c| *c == '\n' || !(c.is_control() || turns(*c)))
        .collect();
    let clean = clean.trim();
    if units(clean) <= limit {
        return clean.to_owned();
    }
    let Some(mut left) = limit.checked_sub(1) else {
        return String::new();
    };
    let mut kept = String::new();
    for grapheme in clean.graphemes(true) {
        let size = units(grapheme);
        if size > left {
            break;
        }
        left -= size;
        kept.push_str(grapheme);
    }
    let kept = kept.trim_end();
    // Half an escape.
    let backslashes = kept.len() - kept.trim_end_matches('\\').len();
    let kept = &kept[..kept.len() - backslashes % 2];
    format!("{kept}…")
}

/// [`cut`], and a dash in place of nothing.
pub(super) fn cut_or_dash(text: &str, limit: usize) -> String {
    match cut(text, limit) {
        empty if empty.is_empty() => NOTHING.to_owned(),
        text => text,
    }
}

/// A stranger's text, so written that it shows as it is: no mention, no markup, no link.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut line_begins = true;
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        match c {
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' => out.push('\\'),
            '#' | '-' | '+' if line_begins => out.push('\\'),
            _ => {}
        }
        out.push(c);
        let is_mention = c == '@' && (begins(rest, "everyone") || begins(rest, "here"));
        let is_link = c == ':' && rest.starts_with("//");
        if is_mention || is_link {
            out.push(ZERO_WIDTH_SPACE);
        }
        line_begins = c == '\n' || (line_begins && c.is_whitespace());
    }
    out
}

fn begins(text: &str, word: &str) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_cut_between_graphemes() {
        let family = "👨\u{200d}👩\u{200d}👧";
        assert_eq!(units(family), 8);
        assert_eq!(cut(&format!("ab{family}"), 10), format!("ab{family}"));
        assert_eq!(cut(&format!("ab{family}"), 9), "ab…");
        assert_eq!(cut("  abc \n", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("abcd", 0), "");
        assert_eq!(cut("a\x07b\u{202e}\r\nc", 10), "ab\nc");
    }

    #[test]
    fn no_half_escape_remains() {
        assert_eq!(cut(r"aa\*bb", 4), "aa…");
        assert_eq!(cut(r"a\\\*bb", 5), r"a\\…");
    }

    #[test]
    fn nothing_becomes_a_dash() {
        assert_eq!(cut_or_dash(" \n\0", 10), "–");
        let grapheme = format!("a{}", "\u{301}".repeat(50));
        assert_eq!(cut_or_dash(&grapheme, 10), "…");
    }

    #[test]
    fn mentions_markup_and_links_show_as_text() {
        assert_eq!(escape("@everyone @here"), "@\u{200b}everyone @\u{200b}here");
        assert_eq!(escape("a@example.com"), "a@example.com");
        assert_eq!(escape("<@1> <@&2> <#3>"), r"\<@1\> \<@&2\> \<#3\>");
        assert_eq!(
            escape("**b** `c` ~~d~~ ||e||"),
            r"\*\*b\*\* \`c\` \~\~d\~\~ \|\|e\|\|"
        );
        assert_eq!(escape("```rust\nx```"), "\\`\\`\\`rust\nx\\`\\`\\`");
        assert_eq!(
            escape("[here](https://evil.example)"),
            "\\[here\\](https:\u{200b}//evil.example)"
        );
        assert_eq!(escape("# a\n- b-c\n > d"), "\\# a\n\\- b-c\n \\> d");
    }

    proptest! {
        #[test]
        fn a_cut_text_fits_and_ends_where_a_grapheme_does(text in any::<String>(), limit in 1_usize..60) {
            let short = cut(&text, limit);
            prop_assert!(units(&short) <= limit);
            prop_assert!(!cut_or_dash(&text, limit).is_empty());
            prop_assert_eq!(cut(&short, limit), short.clone());
        }

        #[test]
        fn whatever_is_escaped_holds_no_mention_and_no_link(text in "[a-z@<>&#!:/`*\\\\ \n]{0,40}") {
            let shown = escape(&format!("{text}@everyone{text}<@1>{text}http://x"));
            prop_assert!(!shown.contains("@everyone"));
            prop_assert!(!shown.contains("://"));
            for (at, _) in shown.match_indices(['<', '`', '*']) {
                let before = &shown[..at];
                let backslashes = before.len() - before.trim_end_matches('\\').len();
                prop_assert_eq!(backslashes % 2, 1, "{}", shown);
            }
        }
    }
}

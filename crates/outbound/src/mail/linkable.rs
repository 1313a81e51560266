//! What mail programs make links of, in words that somebody else chose.
//!
//! Such words are refused. What passes is sent as it is, without invisible characters that
//! would break links: nothing in it is one, and they spoil names for those who copy, search or
//! hear them. There are too many top-level domains, and more every year, to know them all; two
//! letters that stand right behind a dot are taken for one. So `Dr.Who` is refused, and
//! `Dr. Who`, `J.R.R. Tolkien` and `v1.11.5` pass.

use unicode_normalization::UnicodeNormalization as _;

/// What leads elsewhere wherever it stands.
const MARKS: [&str; 4] = ["//", "\\\\", "www.", "xn--"];

/// Digits that are dialed, at least.
const DIGITS_DIALED: usize = 7;

/// Whether some mail program makes a link of a part of this text.
pub(super) fn is_linkable(text: &str) -> bool {
    let text: Vec<char> = folded(text).chars().collect();
    let whole: String = text.iter().collect();
    MARKS.iter().any(|mark| whole.contains(mark))
        || (0..text.len()).any(|at| {
            let (before, after) = (&text[..at], &text[at + 1..]);
            match text[at] {
                ':' => is_scheme(before) && after.first().is_some_and(|c| !c.is_whitespace()),
                '@' => before.last().is_some_and(is_label) && after.first().is_some_and(is_label),
                '.' => before.last().is_some_and(is_label) && is_top_level(after),
                _ => false,
            }
        })
        || whole.split(|c| !is_of_ipv4(c)).any(holds_ipv4)
}

/// As programs read it that compare domains (UTS #46): look-alikes are what they look like,
/// and what is not seen is not there.
fn folded(text: &str) -> String {
    let seen = text.nfkc().filter(|c| !is_invisible(*c));
    let dotted = seen.map(|c| if c == '\u{3002}' { '.' } else { c });
    dotted.flat_map(char::to_lowercase).collect()
}

/// What is ignored unless a program knows better (`Default_Ignorable_Code_Point` of Unicode's
/// `DerivedCoreProperties.txt`), and the empty pattern of braille.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether nobody sees anything of it.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// Whether mail programs dial a part of this text: numbers with whatever is written between
/// them. Digits beside letters, as in players' names, are none.
pub(super) fn is_dialable(text: &str) -> bool {
    let text = folded(text);
    let words = text.split(|c: char| !c.is_alphanumeric());
    let mut digits = 0;
    words.filter(|word| !word.is_empty()).any(|word| {
        let is_number = word.chars().all(char::is_numeric);
        digits = if is_number {
            digits + word.chars().count()
        } else {
            0
        };
        digits >= DIGITS_DIALED
    })
}

/// Of a domain's label: emojis and vowel signs are, too.
fn is_label(c: &char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_') || !(c.is_ascii() || c.is_whitespace())
}

fn is_top_level(after: &[char]) -> bool {
    after.len() >= 2 && after[..2].iter().all(|c| c.is_alphabetic())
}

/// Whether the word at the end begins with a letter, as schemes do and times of day do not.
fn is_scheme(before: &[char]) -> bool {
    let of_scheme = |c: &&char| c.is_alphanumeric() || matches!(c, '+' | '-' | '.');
    let word = before.iter().rev().take_while(of_scheme);
    word.last().is_some_and(|c| c.is_alphabetic())
}

fn is_of_ipv4(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}

fn holds_ipv4(text: &str) -> bool {
    let numbers: Vec<&str> = text.split('.').collect();
    let is_byte = |it: &&str| it.parse::<u8>().is_ok();
    numbers.windows(4).any(|four| four.iter().all(is_byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mail_programs_make_links_of_is_found_however_it_is_written() {
        for text in [
            "evil.example/login",
            "evil.com",
            "EVIL.COM",
            "see evil.com, please",
            "(evil.com)",
            "<evil.com>",
            "“evil.com”",
            "bit.ly/abc",
            "t.co",
            "a-b.co.uk",
            "😀.ws",
            "evil．com",
            "evil。com",
            "evil｡com",
            "evil․com",
            "evil﹒com",
            "ｅｖｉｌ.ｃｏｍ",
            "evil.c\u{ad}om",
            "evil\u{200b}.\u{2060}com",
            "evil.\u{61c}com",
            "evil.\u{17b4}com",
            "evil.\u{206a}com",
            "evil.\u{2800}com",
            "evil.\u{202e}com",
            "xn--80ak6aa92e.com",
            "evil.xn--p1ai",
            "пример.рф",
            "例え.テスト",
            "भारत.भारत",
            "1.2.3.4",
            "1.2.3.4/login",
            "１．２．３．４",
            "at 10.0.0.1:8080",
            "www.evil",
            "WWW.evil.example",
            "http://evil.example",
            "hxxp:evil",
            "//evil",
            "／／evil",
            r"\\evil\share",
            "mailto:a@b.c",
            "MailTo：a",
            "javascript:alert(1)",
            "tel:123",
            "web+a:b",
            "a@b.c",
            "a＠localhost",
            "Dr.Who",
        ] {
            assert!(is_linkable(text), "{text}");
        }
    }

    #[test]
    fn names_counts_times_and_versions_are_no_links() {
        for text in [
            "",
            "Anna",
            "Anna-Lena O’Neill d'Arc",
            "J.R.R. Tolkien",
            "J.R. Tolkien",
            "И.И. Иванов",
            "St. John",
            "Dr. Who",
            "O.K.",
            "U.S.A.",
            "Smith, Jr.",
            "Müller, Ph.D.",
            "Dipl.-Ing. Meier",
            "علی\u{200c}رضا",
            "山田 太郎",
            "😀 👩\u{200d}👩",
            "Wait… what...",
            "@anna",
            "Anna @ home",
            "Panel v1.11.5",
            "1.20.4",
            "1.0.0-beta.2",
            "1.2.3.400",
            "3.5 s",
            "3.5GB",
            "00:03:45",
            "3h 20:15",
            "failed: timeout",
            "nodes/servers",
            "120 of 1.200, 50 %",
            "<img src=x onerror=alert('1')> & \"co\"",
        ] {
            assert!(!is_linkable(text), "{text}");
        }
    }

    #[test]
    fn what_mail_programs_dial_is_found_and_digits_of_names_are_not() {
        for text in [
            "0900123456",
            "+1 800 555 0199",
            "call 0900 123 456 now",
            "(0800) 123-456",
            "0900\u{200b}123456!",
            "０９００１２３４５６",
            "Support,0900123456",
            "0900123456—call",
            "(Hotline)0900123456",
            "0900–123–456",
            "0900\u{2010}123\u{2212}456",
            "[0900]123~456",
        ] {
            assert!(is_dialable(text), "{text}");
        }
        for text in [
            "",
            "Anna",
            "Ninja19981112",
            "Henry VIII 1491",
            "R2-D2",
            "1 2 3",
        ] {
            assert!(!is_dialable(text), "{text}");
        }
    }

    #[test]
    fn a_text_of_which_nobody_sees_anything_is_blank() {
        for text in ["", " ", "\u{200b}", "\u{3164}", "\u{ad}\u{2800} "] {
            assert!(is_blank(text), "{text:?}");
        }
        assert!(!is_blank("\u{200b}A"));
    }
}

//! A mail as HTML: one column, no table, readable by machines and in the dark.

use super::Site;
use super::letter::Letter;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;padding:24px;background:#f4f4f5;color:#18181b;font:16px/1.5 system-ui,sans-serif}\
main{max-width:560px;margin:0 auto;padding:32px;background:#fff;border-radius:8px}\
h1{margin:0 0 16px;font-size:20px}\
a.button{display:inline-block;padding:12px 24px;background:#1d4ed8;color:#fff;border-radius:6px;\
text-decoration:none;font-weight:600}\
.small{font-size:14px;color:#52525b;overflow-wrap:anywhere}\
@media (prefers-color-scheme:dark){body{background:#18181b;color:#f4f4f5}main{background:#27272a}\
.small{color:#d4d4d8}.small a{color:#93c5fd}}";

/// The whole page.
pub(super) fn page(letter: &Letter, site: &Site) -> String {
    let paragraphs = |sentences: &[String], class: &str| -> String {
        let paragraph = |it: &String| format!("<p{class}>{}</p>\n", escape(it));
        sentences.iter().map(paragraph).collect()
    };
    let link = letter.link.as_ref().map(|(label, url)| {
        let url = escape(url.as_str());
        format!(
            "<p><a class=\"button\" href=\"{url}\">{label}</a></p>\n\
             <p class=\"small\">Or open this address: <a href=\"{url}\">{url}</a></p>\n",
            label = escape(label),
        )
    });
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{subject}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{subject}</h1>\n<p>{greeting}</p>\n{sentences}{link}{afterwards}\
         <p class=\"small\">{site}</p>\n</main>\n</body>\n</html>\n",
        subject = escape(&letter.subject),
        greeting = escape(&letter.greeting),
        sentences = paragraphs(&letter.sentences, ""),
        link = link.unwrap_or_default(),
        afterwards = paragraphs(&letter.afterwards, " class=\"small\""),
        site = escape(&site.name),
    )
}

/// Text that means nothing but itself, between tags and in quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

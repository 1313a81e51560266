use super::*;
use std::collections::BTreeMap;

const TOKEN: &str = "c2VjcmV0LXRva2VuLW9mLXRlc3Q";

fn site() -> Site {
    Site {
        name: "Node & Byte".to_owned(),
        url: Some("https://nodebyte.example/".parse().unwrap()),
        from: "NodeByte <noreply@example.com>".to_owned(),
    }
}

fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn whole() -> BTreeMap<String, String> {
    data(&[
        ("name", "Anna"),
        ("user_id", "user 7&x"),
        ("token", TOKEN),
        ("sync_type", "full"),
        ("status", "completed"),
        ("duration", "3 s"),
    ])
}

fn rendered(template: &str) -> Email {
    let mail = Mail::read(template, &whole()).unwrap();
    mail.render(&site(), "a@b.example").unwrap()
}

#[test]
fn each_link_leads_to_the_page_that_takes_it_and_says_how_long_it_lives() {
    let at = "https://nodebyte.example/auth";
    for (template, link, lives) in [
        (
            "verify-email",
            format!("{at}/verify-email?token={TOKEN}&id=user+7%26x"),
            "24 hours",
        ),
        (
            "email_verification",
            format!("{at}/verify-email?token={TOKEN}&id=user+7%26x"),
            "24 hours",
        ),
        (
            "password-reset",
            format!("{at}/reset-password?token={TOKEN}"),
            "24 hours",
        ),
        (
            "magic-link",
            format!("{at}/magic-link?token={TOKEN}"),
            "30 minutes",
        ),
        (
            "email_change",
            format!("{at}/verify-email?token={TOKEN}&id=user+7%26x"),
            "24 hours",
        ),
    ] {
        let email = rendered(template);
        let quoted = format!("href=\"{}\"", link.replace('&', "&amp;"));
        assert!(email.html.contains(&quoted), "{}", email.html);
        assert!(email.text.contains(&link), "{}", email.text);
        let expires = format!("expires in {lives}");
        assert!(email.html.contains(&expires) && email.text.contains(&expires));
    }
}

#[test]
fn a_link_lives_as_long_as_its_mail_says() {
    for template in [
        "verify-email",
        "password-reset",
        "magic-link",
        "email_change",
    ] {
        let mail = Mail::read(template, &whole()).unwrap();
        let lives = mail.link_lives().unwrap().as_secs();
        let text = mail.render(&site(), "a@b.example").unwrap().text;
        let said = match lives % 3600 {
            0 => format!("expires in {} hours", lives / 3600),
            _ => format!("expires in {} minutes", lives / 60),
        };
        assert!(text.contains(&said), "{said}: {text}");
    }
}

#[test]
fn values_are_escaped_in_html_and_plain_in_text() {
    let evil = data(&[("name", "<img src=x onerror=alert('1')> & \"co\"")]);
    let mail = Mail::read("welcome", &evil).unwrap();
    let email = mail.render(&site(), "a@b.example").unwrap();
    assert!(!email.html.contains("<img"));
    let escaped = "&lt;img src=x onerror=alert(&#39;1&#39;)&gt; &amp; &quot;co&quot;";
    assert!(email.html.contains(escaped), "{}", email.html);
    assert!(email.text.contains("<img src=x"));
    assert!(email.html.contains("Node &amp; Byte"));
}

#[test]
fn a_value_that_leads_elsewhere_is_refused_wherever_it_stands() {
    for value in [
        "see http://evil.example",
        "HTTPS://evil.example",
        "//evil.example",
        "WWW.evil.example",
        "evil.example/login",
        "javascript:alert(1)",
        "a@b.c",
    ] {
        for name in ["name", "unused"] {
            let mut data = whole();
            data.insert(name.to_owned(), value.to_owned());
            let refused = Mail::read("welcome", &data).unwrap_err();
            assert_eq!(refused, MailRefused::Url(name.to_owned()), "{value}");
        }
    }
}

#[test]
fn addresses_and_tokens_that_no_template_says_are_taken() {
    let mut data = whole();
    data.insert(
        "token".to_owned(),
        "eyJhbGciOiJI.eyJzdWIi.www.sig".to_owned(),
    );
    data.insert("newEmail".to_owned(), "anna@example.net".to_owned());
    assert!(Mail::read("email_change", &data).is_ok());
    for name in ["newEmail", "new_email"] {
        let mut data = data.clone();
        data.insert(name.to_owned(), "see evil.example".to_owned());
        let refused = Mail::read("email_change", &data).unwrap_err();
        assert_eq!(refused, MailRefused::Url(name.to_owned()));
    }
}

#[test]
fn what_is_missing_is_named() {
    let nothing = [("token", TOKEN), ("name", " \u{200b}")];
    let refused = Mail::read("verify_email", &data(&nothing));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "`data` lacks `name`, `user_id`"
    );
    let refused = Mail::read("raw", &whole()).unwrap_err();
    assert_eq!(refused, MailRefused::UnknownTemplate);
}

#[test]
fn values_that_break_lines_or_are_no_tokens_are_refused() {
    for (name, value) in [
        ("name", "a\r\nBcc: b"),
        ("name", "a\u{202e}b"),
        ("token", "short"),
        ("token", "a token with spaces in it"),
        ("user_id", &"x".repeat(101)),
    ] {
        let mut data = whole();
        data.insert(name.to_owned(), value.to_owned());
        let refused = Mail::read("verify_email", &data).unwrap_err();
        assert!(matches!(refused, MailRefused::Unfit(at, _) if at == name));
        assert!(!refused.to_string().contains(value));
    }
}

#[test]
fn only_mails_without_a_link_need_no_website() {
    let nowhere = Site {
        url: None,
        ..site()
    };
    for template in [
        "verify_email",
        "reset_password",
        "magic_link",
        "welcome",
        "sync-complete",
        "email_change",
    ] {
        let mail = Mail::read(template, &whole()).unwrap();
        let rendered = mail.render(&nowhere, "a@b.example");
        assert_eq!(rendered.is_err(), mail.link_lives().is_some(), "{template}");
        assert!(!format!("{mail:?}").contains(TOKEN));
    }
}

#[test]
fn a_file_holds_both_bodies_and_no_other_header() {
    let mut email = rendered("welcome");
    email.from = "N\r\nBcc: x@y.example <n@example.com>".to_owned();
    let body = serde_json::to_vec(&email).unwrap();
    let file = eml(&body, "7", chrono::DateTime::UNIX_EPOCH).unwrap();
    assert!(!file.contains("\nBcc"));
    assert!(file.contains("To: a@b.example\r\n"));
    assert_eq!(file.matches("--7\r\n").count(), 2);
    assert_eq!(eml(b"{}", "7", chrono::DateTime::UNIX_EPOCH), None);
}

#[test]
fn a_name_that_could_be_dialed_is_left_out_and_the_mail_is_sent() {
    for name in ["call 0900 123 456", "20041107"] {
        let mut data = whole();
        data.insert("name".to_owned(), name.to_owned());
        let mail = Mail::read("welcome", &data).unwrap();
        let email = mail.render(&site(), "anna@example.net").unwrap();
        assert!(!email.json().contains(name), "{name}");
        assert!(email.json().contains("Hello,"), "{name}");
    }
}

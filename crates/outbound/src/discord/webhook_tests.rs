use super::*;
use proptest::prelude::*;

const ID: &str = "123456789012345678";
const THREAD: &str = "876543210987654321";

fn token() -> String {
    "aB3_-".repeat(14)[..68].to_owned()
}

fn refused(text: &str) -> WebhookRefused {
    DiscordWebhook::parse(text).unwrap_err()
}

#[test]
fn every_form_that_discord_shows_becomes_one() {
    let token = token();
    let one = format!("https://discord.com/api/v10/webhooks/{ID}/{token}");
    for host in HOSTS {
        for api in ["api", "api/v9", "api/v10"] {
            for end in ["", "/", "?wait=true", "/?wait=0"] {
                let text = format!("https://{host}/{api}/webhooks/{ID}/{token}{end}");
                let webhook = DiscordWebhook::parse(&text).unwrap();
                assert_eq!(webhook.to_url().expose_secret(), one, "{text}");
            }
        }
    }
}

#[test]
fn a_thread_is_kept() {
    let text = format!(
        "https://discord.com/api/webhooks/{ID}/{}?wait=1&thread_id={THREAD}",
        token()
    );
    let webhook = DiscordWebhook::parse(&text).unwrap();
    assert_eq!(webhook.thread_id(), Some(THREAD));
    let again = DiscordWebhook::parse(webhook.to_url().expose_secret()).unwrap();
    assert_eq!(again.thread_id(), Some(THREAD));
    assert_eq!(again.id(), ID);
}

#[test]
fn what_is_not_exactly_a_webhook_is_refused() {
    let token = token();
    let path = format!("api/webhooks/{ID}/{token}");
    let good = format!("https://discord.com/{path}");
    for (text, why) in [
        (format!("http://discord.com/{path}"), WebhookRefused::Scheme),
        (
            format!("HTTPS://discord.com/{path}"),
            WebhookRefused::Scheme,
        ),
        (format!(" {good}"), WebhookRefused::Scheme),
        (
            format!("https://discord.com:443/{path}"),
            WebhookRefused::Host,
        ),
        (
            format!("https://u:p@discord.com/{path}"),
            WebhookRefused::Host,
        ),
        (format!("https://DISCORD.com/{path}"), WebhookRefused::Host),
        (
            format!("https://discord.com.evil.example/{path}"),
            WebhookRefused::Host,
        ),
        (
            format!("https://evil.example/discord.com/{path}"),
            WebhookRefused::Host,
        ),
        (
            format!("https://discord.com\\@evil.example/{path}"),
            WebhookRefused::Host,
        ),
        (
            format!("https://169.254.169.254/webhooks/{ID}/{token}"),
            WebhookRefused::Host,
        ),
        (format!("https://discordxcom/{path}"), WebhookRefused::Host),
        (
            format!("https://discord.com/api/v8/webhooks/{ID}/{token}"),
            WebhookRefused::Path,
        ),
        (format!("https://discord.com//{path}"), WebhookRefused::Path),
        (
            format!("https://discord.com/x/../{path}"),
            WebhookRefused::Path,
        ),
        (format!("{good}/slack"), WebhookRefused::Path),
        (format!("{good}/github"), WebhookRefused::Path),
        (format!("{good}/messages/{THREAD}"), WebhookRefused::Path),
        (
            format!("https://discord.com/api/webhooks/123/{token}"),
            WebhookRefused::Id,
        ),
        (
            format!("https://discord.com/api/webhooks/12345678901234567x/{token}"),
            WebhookRefused::Id,
        ),
        (
            format!("https://discord.com/api/webhooks/%2e%2e/{token}"),
            WebhookRefused::Id,
        ),
        (
            format!("https://discord.com/api/webhooks/{ID}"),
            WebhookRefused::Path,
        ),
        (
            format!("https://discord.com/api/webhooks/{ID}/short"),
            WebhookRefused::Token,
        ),
        (format!("{good}%2e"), WebhookRefused::Token),
        (format!("{good}\n"), WebhookRefused::Token),
        (format!("{good}#a"), WebhookRefused::Token),
        (format!("{good}?"), WebhookRefused::Query),
        (format!("{good}?thread_id=1"), WebhookRefused::Query),
        (
            format!("{good}?thread_id={THREAD}&thread_id={ID}"),
            WebhookRefused::Query,
        ),
        (format!("{good}?wait=true&x=1"), WebhookRefused::Query),
        (format!("{good}?wait=maybe"), WebhookRefused::Query),
        (format!("{good}?wait=true#a"), WebhookRefused::Query),
    ] {
        assert_eq!(refused(&text), why, "{text}");
    }
}

#[test]
fn the_token_shows_in_no_output() {
    let webhook = DiscordWebhook::parse(&format!(
        "https://discord.com/api/webhooks/{ID}/{}?thread_id={THREAD}",
        token()
    ))
    .unwrap();
    let shown = webhook.to_string();
    assert_eq!(
        shown,
        format!("https://discord.com/api/v10/webhooks/{ID}/****?thread_id={THREAD}")
    );
    assert!(!format!("{webhook:?} {:?}", webhook.to_url()).contains("aB3"));
}

proptest! {
    #[test]
    fn whatever_is_read_leads_to_discord(text in "https://(discord\\.com|[a-z.@:\\\\]{1,20})/(api|x)(/v10)?/webhooks/[0-9a]{16,21}/[a-zA-Z0-9_/%.-]{58,102}(\\?[a-z_=0-9&]{0,40})?") {
        if let Ok(webhook) = DiscordWebhook::parse(&text) {
            let url: url::Url = webhook.to_url().expose_secret().parse().unwrap();
            prop_assert_eq!(url.host_str(), Some("discord.com"));
            prop_assert_eq!(url.path_segments().unwrap().count(), 5);
            prop_assert!(DiscordWebhook::parse(url.as_str()).is_ok());
        }
    }
}

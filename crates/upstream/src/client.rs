//! The HTTP client: TLS by rustls with ring, no proxy, no redirects, nothing
//! repeated behind our back.

use reqwest::dns::Resolve;
use reqwest::header::HeaderMap;
use reqwest::redirect;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Time to reach the other side at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What differs between our clients.
#[derive(Clone)]
pub struct HttpSettings {
    /// `User-Agent` of every request.
    pub user_agent: &'static str,
    /// Headers of every request.
    pub headers: HeaderMap,
    /// Time for one answer, body included.
    pub request_timeout: Duration,
    /// How long an unused connection is kept; `None` for reqwest's 90 s. A request
    /// sent on a connection that the other side is just closing is lost.
    pub idle: Option<Duration>,
    /// Who says which addresses a name has; `None` for the system. Addresses that stand
    /// in the URL itself are not asked about.
    pub resolver: Option<Arc<dyn Resolve>>,
}

/// Makes a client. A connection that takes longer than 5 s counts as none.
///
/// # Errors
///
/// The system's TLS certificates or resolver cannot be used.
pub fn client(settings: HttpSettings) -> Result<reqwest::Client, reqwest::Error> {
    builder(settings).build()
}

/// The same, which takes these addresses for those of `host` and asks no resolver: whoever
/// has judged where a name leads must not be led elsewhere by a second answer.
///
/// # Errors
///
/// As [`client`].
pub fn client_to(
    host: &str,
    addresses: &[SocketAddr],
    settings: HttpSettings,
) -> Result<reqwest::Client, reqwest::Error> {
    builder(settings).resolve_to_addrs(host, addresses).build()
}

fn builder(settings: HttpSettings) -> reqwest::ClientBuilder {
    // A process may have chosen its provider already; any choice is ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .default_headers(settings.headers)
        .user_agent(settings.user_agent)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        // A proxy that the environment names for other programs would see the keys.
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(settings.request_timeout);
    if let Some(idle) = settings.idle {
        builder = builder.pool_idle_timeout(idle);
    }
    if let Some(resolver) = settings.resolver {
        builder = builder.dns_resolver(resolver);
    }
    builder
}

/// Whether paths can be appended to this address.
///
/// # Errors
///
/// Why not, in words for whoever configured it, which hold nothing of the address.
pub fn check_base(url: &Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err("the address is not an HTTP URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the address holds a query or fragment");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_an_http_address_without_secrets_and_query() {
        let check = |text: &str| check_base(&text.parse().expect("a URL"));
        assert_eq!(check("https://panel.example/sub"), Ok(()));
        for wrong in [
            "ftp://panel.example",
            "mailto:a@b.example",
            "https://u:p@panel.example",
            "https://panel.example/?a=b",
            "https://panel.example/#a",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}

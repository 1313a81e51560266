//! Whether a panel can be reached with a key: one request, nothing repeated, nothing
//! remembered.

use crate::pterodactyl::CfAccess;
use common::dial::may_dial;
use ipnet::IpNet;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::net::lookup_host;
use tokio::time::timeout_at;
use upstream::{HttpSettings, InvalidHeader, Transport};
use url::{Host, Url};

/// Bytes of an answer that are looked at.
const LARGEST_BODY: usize = 1 << 20;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanelKind {
    /// Pterodactyl's Application API.
    Pterodactyl,
    /// VirtFusion's Global API.
    Virtfusion,
}

/// Where a probe may go.
#[derive(Debug, Clone, Copy)]
pub enum Reach<'a> {
    /// Wherever its address leads: the operator gave it.
    Anywhere,
    /// To public addresses and these networks.
    Public(&'a [IpNet]),
}

/// A question to a panel.
#[derive(Debug, Clone)]
pub struct Probe {
    /// What answers there.
    pub kind: PanelKind,
    /// Its address.
    pub url: Url,
    /// The key that is tried.
    pub key: SecretString,
    /// Service token for a panel behind Cloudflare Access.
    pub cf_access: Option<CfAccess>,
    /// How long it may take, looking up the name included.
    pub patience: Duration,
}

/// Why there is no connection, in words for whoever asked; no secret and nothing that the
/// panel sent is among them.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Its address cannot be asked.
    #[error("{0}")]
    Address(&'static str),
    /// It leads where we do not go for others.
    #[error("the address leads to a network that may not be asked from here")]
    Guarded,
    /// The name is not known.
    #[error("the address cannot be found")]
    Unknown(#[source] io::Error),
    /// The key cannot be sent.
    #[error("the key holds characters that cannot be sent")]
    Key(#[source] InvalidHeader),
    /// The HTTP client cannot be made.
    #[error("the panel cannot be asked")]
    Client(#[source] reqwest::Error),
    /// It cannot be reached.
    #[error("the panel cannot be reached")]
    Offline(#[source] Transport),
    /// No answer in time.
    #[error("the panel did not answer in time")]
    Late,
    /// It does not take the key.
    #[error("the panel does not accept the key")]
    Refused,
    /// Something else answered.
    #[error("the panel's answer cannot be used (status {0})")]
    Unexpected(u16),
}

impl Probe {
    /// Asks, and tells how long the answer took.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn run(&self, reach: Reach<'_>) -> Result<Duration, ProbeError> {
        let began = Instant::now();
        let end = tokio::time::Instant::now() + self.patience;
        match timeout_at(end, self.ask(reach)).await {
            Ok(answer) => answer.map(|()| began.elapsed()),
            Err(_elapsed) => Err(ProbeError::Late),
        }
    }

    async fn ask(&self, reach: Reach<'_>) -> Result<(), ProbeError> {
        upstream::check_base(&self.url).map_err(ProbeError::Address)?;
        let settings = HttpSettings {
            user_agent: concat!("nodebyte/", env!("CARGO_PKG_VERSION")),
            headers: self.headers()?,
            request_timeout: self.patience,
            idle: None,
            resolver: None,
        };
        let addresses = addresses(&self.url, reach).await?;
        let host = self.url.host_str().unwrap_or_default();
        let http = upstream::client_to(host, &addresses, settings).map_err(ProbeError::Client)?;
        let answer = http.get(self.question()).send().await;
        let answer = answer.map_err(|error| offline(error.into()))?;
        let status = answer.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(ProbeError::Refused);
        }
        let unexpected = ProbeError::Unexpected(status.as_u16());
        if status != StatusCode::OK {
            return Err(unexpected);
        }
        let body = upstream::read_body(answer, LARGEST_BODY).await;
        let body = body.map_err(offline)?;
        if self.kind.is_answer(&body) {
            Ok(())
        } else {
            Err(unexpected)
        }
    }

    fn headers(&self) -> Result<HeaderMap, ProbeError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let key = upstream::bearer(&self.key).map_err(ProbeError::Key)?;
        headers.insert(AUTHORIZATION, key);
        if let Some(access) = &self.cf_access {
            for (name, value) in [
                ("cf-access-client-id", &access.id),
                ("cf-access-client-secret", &access.secret),
            ] {
                let value = upstream::secret_header(value.expose_secret());
                let value = value.map_err(ProbeError::Key)?;
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        Ok(headers)
    }

    /// A small thing that needs the key.
    fn question(&self) -> Url {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        match self.kind {
            PanelKind::Pterodactyl => {
                url.set_path(&format!("{base}/api/application/locations"));
                url.set_query(Some("per_page=1"));
            }
            PanelKind::Virtfusion => url.set_path(&format!("{base}/api/v1/connect")),
        }
        url
    }
}

impl PanelKind {
    /// Whether a panel of this kind says this; other things answer 200, too.
    fn is_answer(self, body: &[u8]) -> bool {
        match self {
            Self::Pterodactyl => {
                serde_json::from_slice::<Value>(body).is_ok_and(|body| body["object"] == "list")
            }
            // It promises a status and no words.
            Self::Virtfusion => !body.trim_ascii_start().starts_with(b"<"),
        }
    }
}

fn offline(error: Transport) -> ProbeError {
    match error {
        Transport::Timeout(_) => ProbeError::Late,
        error => ProbeError::Offline(error),
    }
}

/// Where the connection is made to: what the name leads to, each address judged. What is
/// judged here is dialled, since the client asks no resolver again; of an address without
/// a name no resolver would have been asked.
async fn addresses(url: &Url, reach: Reach<'_>) -> Result<Vec<SocketAddr>, ProbeError> {
    let port = url.port_or_known_default().unwrap_or(80);
    let found: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(ip)) => vec![(IpAddr::V4(ip), port).into()],
        Some(Host::Ipv6(ip)) => vec![(IpAddr::V6(ip), port).into()],
        Some(Host::Domain(name)) => lookup_host((name, port))
            .await
            .map_err(ProbeError::Unknown)?
            .collect(),
        None => Vec::new(),
    };
    match reach {
        Reach::Public(allowed) if !found.iter().all(|it| may_dial(it.ip(), allowed).is_ok()) => {
            Err(ProbeError::Guarded)
        }
        _ => Ok(found),
    }
}
